"""Where exported graphs are kept."""

from __future__ import annotations

from pathlib import Path

from qeff_codegen.files.artifact_store import ArtifactStore
from qeff_codegen.upstream.cache_folder import cache_folder


def exports_in(folder: Path | None) -> ArtifactStore:
    """The store in a folder; in the cache folder's own where none is given."""
    return ArtifactStore(folder or cache_folder() / "exports")
