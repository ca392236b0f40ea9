"""What the sweep found out about one family, as data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from qeff_codegen.coverage.image_parts import ImageParts
from qeff_codegen.coverage.scenario_margins import ScenarioMargins
from qeff_codegen.coverage.swept_code import SweptCode

SUPPORTED = "supported"
REFUSED = "refused"
MISMATCH = "mismatch"
FAILED = "failed"
UNFIT = "unfit"

# Defects first: a reader must not have to look for them.
STATES = (MISMATCH, FAILED, UNFIT, SUPPORTED, REFUSED)
DEFECTS = (MISMATCH, FAILED, UNFIT)


@dataclass(frozen=True)
class FamilyResult:
    """One family's line of the coverage table.

    Attributes:
        family: model type, as transformers spells it.
        state: `supported` (the stages asked for are equal to upstream in every scenario, and Stage 4 found nothing
            wrong as far as it went), `refused` (nothing is generated), `mismatch` (something is generated that does
            not equal upstream), `unfit` (it is equal, and its graph fails preflight or does not compile) or `failed`
            (it could not be found out: a crash, a time limit, or upstream's own model failing).
        seconds: wall clock, for all of it.
        reason: why it is not supported, in one line.
        rule: id of the rule that refused.
        place: `file:line` of what was refused.
        detail: for defects: every scenario that differs and where, or how the process ended.
        stages: the last stage that was asked for; None when nothing was generated.
        scenarios: number of scenarios, over all variants.
        layers: what its layers are made of, as far as configurations say it.
        lines_added, lines_removed: as a diff of the emitted functions against upstream's would count them; None when
            nothing was generated.
        kept: upstream's lines among those of the emitted attention and decoder layer forwards, from 0 to 1.
        notes: what makes its tests less than sharp.
        stage_4: how far Stage 4 went, in the scenario where it went least far; empty where no stage ran.
        margins: how near to the tolerance each scenario came; empty where no stage ran.
        images: what it is made of, where it is an image-text model; None where it is none, or nothing was generated.
        code: hashes of what ran; None where no stage ran, or where that was not kept.
    """

    family: str
    state: str
    seconds: float = 0.0
    reason: str = ""
    rule: str = ""
    place: str = ""
    detail: str = ""
    stages: int | None = None
    scenarios: int = 0
    layers: tuple[str, ...] = ()
    lines_added: int | None = None
    lines_removed: int | None = None
    kept: float | None = None
    notes: tuple[str, ...] = ()
    stage_4: str = ""
    margins: tuple[ScenarioMargins, ...] = ()
    images: ImageParts | None = None
    code: SweptCode | None = None

    @property
    def is_defect(self) -> bool:
        """Whether the tool is wrong about this family."""
        return self.state in DEFECTS

    def as_json(self) -> dict[str, Any]:
        """The result as a plain dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> FamilyResult:
        """The result that `as_json` turned into `record`."""
        lists = {"layers": tuple(record["layers"]), "notes": tuple(record["notes"])}
        margins = tuple(ScenarioMargins(**item) for item in record.get("margins", ()))
        parts = record.get("images")
        images = parts and ImageParts(**{**parts, "rewritten": tuple(parts["rewritten"])})
        code = SweptCode(**record["code"]) if record.get("code") else None
        return cls(**{**record, **lists, "margins": margins, "images": images, "code": code})
