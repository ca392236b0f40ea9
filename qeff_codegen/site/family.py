"""One family of the site: what the last sweep found, what is checked in, and what follows for its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, STATES, SUPPORTED, UNFIT, FamilyResult
from qeff_codegen.coverage.scenario_margins import ScenarioMargins
from qeff_codegen.site.package import Package, Validated

NOT_SWEPT = "not swept"
# Every state a family may be in, as a reader looks for them.
ALL_STATES = (*STATES, NOT_SWEPT)
TEXT = "text"
IMAGE_TEXT = "image-text"


@dataclass(frozen=True)
class Family:
    """One model type.

    Attributes:
        kind: whether it reads text alone, or images too.
        package: what serves it; None where nothing is checked in for it.
        swept: what the last sweep found; None where it did not look.
    """

    name: str
    kind: str
    package: Package | None
    swept: FamilyResult | None

    @property
    def validated(self) -> Validated | None:
        """What `validate` found here of this very code."""
        return None if self.package is None else self.package.validated.get(self.name)

    @property
    def state(self) -> str:
        """A state of the sweep, or that none has looked at what is checked in."""
        if self.validated is not None:
            return SUPPORTED if self.validated.passed else UNFIT if self.validated.equal else MISMATCH
        if self.swept is None or (self.swept.state == REFUSED and self.package is not None):
            return NOT_SWEPT
        return self.swept.state

    @property
    def note(self) -> str:
        """What a reader must know to judge the state."""
        if self.validated is not None:
            return "validated here, with the code that is shown"
        if self.state == NOT_SWEPT:
            return "checked in since the last sweep, which refused it" if self.swept else "not in the last sweep"
        if self.state in (REFUSED, FAILED):
            return ""
        if self.package is not None and self.name in self.package.swept:
            return "in the last sweep, of this very file"
        is_of_another = self.swept is not None and self.swept.code is not None
        return "in the last sweep, of another file" if is_of_another else "as the last sweep found it"

    @property
    def margins(self) -> tuple[ScenarioMargins, ...]:
        """How near to the tolerance each scenario came; empty where that is not on record."""
        return self.validated.margins if self.validated else self.swept.margins if self.swept else ()

    @property
    def scenarios(self) -> int:
        """How many scenarios Stages 1 to 3 were run in."""
        return len(self.margins) or (self.swept.scenarios if self.swept else 0)

    @property
    def stage_4(self) -> str:
        """How far Stage 4 went."""
        return self.validated.stage_4 if self.validated else self.swept.stage_4 if self.swept else ""

    @property
    def difference(self) -> float | None:
        """The largest difference over the tolerance."""
        shares = [share for item in self.margins for share in (item.torch, item.onnx)]
        return max((share for share in shares if share is not None), default=None)

    @property
    def choice(self) -> float | None:
        """How many tolerances the two best logits are apart where they are closest."""
        return min((item.choice for item in self.margins if item.choice is not None), default=None)

    @property
    def layers(self) -> tuple[str, ...]:
        """What its layers are made of."""
        if self.swept is not None and self.swept.layers:
            return self.swept.layers
        return self.package.layers if self.package is not None else ()


def families(
    packages: Iterable[Package], served: Mapping[str, str], swept: Iterable[FamilyResult], texts: Iterable[str]
) -> tuple[Family, ...]:
    """Every family that is checked in or was swept, by name.

    Args:
        packages: those that could be generated.
        served: by family, its package, all that are checked in.
        texts: model types with a causal LM.
    """
    by_name = {package.name: package for package in packages}
    results = {result.family: result for result in swept}
    known = frozenset(texts)

    def kind(name: str, package: Package | None) -> str:
        if package is not None:
            return IMAGE_TEXT if package.is_image_text else TEXT
        # The sweep looks at families of two tables, and one of them is that of causal LMs.
        return IMAGE_TEXT if name in results and name not in known else TEXT

    return tuple(
        Family(name, kind(name, package), package, results.get(name))
        for name in sorted({*served, *results})
        for package in [by_name.get(served.get(name, ""))]
    )
