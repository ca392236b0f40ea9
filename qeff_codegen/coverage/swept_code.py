"""Which code a sweep ran, as hashes: whether its result is about the very code that someone looks at."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from qeff_codegen.checked_in.manifest import text_sha256
from qeff_codegen.generated_model import GeneratedModel


@dataclass(frozen=True)
class SweptCode:
    """What was run for one family.

    Attributes:
        upstream_sha256: of the text of upstream's modeling file.
        generated_sha256: of the text of the generated modeling file.
        mappings_sha256: of the entries by which generated classes took the place of upstream's.
    """

    upstream_sha256: str
    generated_sha256: str
    mappings_sha256: str


def code_of(model: GeneratedModel) -> SweptCode:
    """The hashes of a generated model."""
    mappings = json.dumps([asdict(entry) for entry in model.mappings], sort_keys=True)
    return SweptCode(model.upstream.sha256, text_sha256(model.code), text_sha256(mappings))
