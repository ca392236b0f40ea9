"""A folder of models generated from the old release, and the comparison with the new one, made once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.bump.compare import compare
from qeff_codegen.bump.comparison import Bump
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_in_transformers
from tests.bump.releases import CHECKED_IN, NEW, NEW_FAMILIES, OLD, OLD_FAMILIES, Releases, generate, write_release


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """The two releases by version; any other version is a KeyError."""
    folder = tmp_path_factory.mktemp("releases")
    trees = {
        OLD: write_release(folder, OLD, OLD_FAMILIES),
        NEW: write_release(folder, NEW, NEW_FAMILIES),
    }
    return trees.__getitem__


@pytest.fixture(scope="session")
def generated_once(releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is checked in: the old release's models, and one from outside transformers. Not to be written to."""
    folder = tmp_path_factory.mktemp("checked_in") / "generated"
    upstreams = [find_in_transformers(name, releases(OLD)) for name in CHECKED_IN]
    outside = replace(
        find_in_transformers("apple", releases(OLD)), name="blueprint", module="outside", version=None, families=()
    )
    models = [model for model in generate([*upstreams, outside]) if isinstance(model, GeneratedModel)]
    write_models(models, folder, force=False, rules_sha256=rules_sha256())
    return folder


@pytest.fixture
def generated(generated_once: Path, tmp_path: Path) -> Path:
    """A copy of what is checked in."""
    return Path(shutil.copytree(generated_once, tmp_path / "generated"))


@pytest.fixture(scope="session")
def bump(generated_once: Path, releases: Releases) -> Bump:
    """The step from the old release to the new."""
    return compare(NEW, generated_once, releases, generate)
