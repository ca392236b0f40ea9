"""What the site shows of one checked-in package, as text and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.coverage.known import Known
from qeff_codegen.coverage.scenario_margins import ScenarioMargins, margins_of
from qeff_codegen.review.facts import Review
from qeff_codegen.review.page import as_html
from qeff_codegen.site.bars import bars
from qeff_codegen.site.boxes import IMAGE_TEXT_MODEL, Box, boxes

# What a role says about the layers of a family that no sweep has described.
_LAYERS = {
    Role.STATE_MIXER: "states",
    Role.INDEXER: "indexer",
    Role.EXPERTS: "experts",
    Role.LISTED_EXPERTS: "experts",
    Role.EXPERTS_IN_LIST: "experts",
    Role.DENSE_EXPERTS: "experts",
}


@dataclass(frozen=True)
class Validated:
    """One family's scenarios, run with this very code.

    Attributes:
        equal: Stages 1 to 3 are equal in every scenario.
        passed: that, and preflight found nothing wrong.
        stage_4: how far Stage 4 went.
        margins: of every scenario.
    """

    equal: bool
    passed: bool
    stage_4: str
    margins: tuple[ScenarioMargins, ...]


@dataclass(frozen=True)
class Package:
    """One package.

    Attributes:
        families: the model types that it serves.
        path, version: upstream's file, and the transformers release it is of.
        is_image_text: it is the programs of an image-text model.
        layers: what its layers are made of, as far as roles say it.
        rules, hunks: how many rules fired, and in how many hunks.
        added, removed, kept: lines, and the share that is upstream's own, as the review page has them.
        is_checked_in: what is checked in is what the rules make now.
        boxes: the model's picture.
        review: the review page.
        validated: by family, where this very code was validated here.
        swept: the other families for which the last sweep ran this very code.
        charts: by family, the bars of its scenarios.
    """

    name: str
    families: tuple[str, ...]
    path: str
    version: str | None
    is_image_text: bool
    layers: tuple[str, ...]
    rules: int
    hunks: int
    added: int
    removed: int
    kept: float | None
    is_checked_in: bool
    boxes: tuple[Box, ...]
    review: str
    validated: Mapping[str, Validated] = field(default_factory=dict)
    swept: frozenset[str] = frozenset()
    charts: Mapping[str, Markup] = field(default_factory=dict)


def package_of(review: Review, swept: Mapping[str, Known]) -> Package:
    """Gather what there is to show.

    Args:
        swept: what the last sweep found, by family.
    """
    model = review.model
    served = model.upstream.families or (model.name,)
    validated = {
        record.family: Validated(
            record.equal,
            record.passed,
            "; ".join(sorted({stage.status for result in record.results for stage in result.stages[3:]})),
            tuple(map(margins_of, record.results)),
        )
        for record in review.records
    }
    margins = {family: swept[family].result.margins for family in served if family in swept}
    margins.update((family, found.margins) for family, found in validated.items())
    roles = [role.role for role in model.roles]
    return Package(
        name=model.name,
        families=served,
        path=model.upstream.display_path,
        version=model.upstream.version,
        is_image_text=IMAGE_TEXT_MODEL in roles,
        layers=tuple(dict.fromkeys(layer for role, layer in _LAYERS.items() if role in roles)),
        rules=len(review.rules),
        hunks=len(review.hunks),
        added=review.added,
        removed=review.removed,
        kept=review.kept,
        is_checked_in=review.checked_in,
        boxes=boxes(review),
        # The whole catalogue is not part of the site; what each rule says of itself stands on the page.
        review=as_html(review, None, site="../index.html"),
        validated=validated,
        swept=frozenset(known.result.family for known in review.swept),
        charts={family: bars(family, found) for family, found in margins.items() if found},
    )
