"""The text of the pull request that brings a model into QEfficient: facts first, and what nobody has run yet."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.checkout.family_change import FamilyChange
from qeff_codegen.checkout.features import supported_features
from qeff_codegen.engine.rule_set import rules
from qeff_codegen.review.lines_changed import lines_changed
from qeff_codegen.review.markdown import markdown_environment
from qeff_codegen.review.upstream_share import upstream_share
from qeff_codegen.validation.results import NOT_RUN, STAGE_NAMES, ScenarioResult

_SEAL = "<!-- Written by qeff_codegen; SHA-256 of the text above: {} -->\n"
_SEALED = re.compile(
    r"(?P<text>.*)<!-- Written by qeff_codegen; SHA-256 of the text above: (?P<sha256>\w+) -->\n", re.S
)


@dataclass(frozen=True)
class Stage:
    """What one of the four stages found, over all scenarios."""

    number: int
    name: str
    result: str


def pull_request_text(change: FamilyChange, results: Sequence[ScenarioResult], release: str) -> str:
    """The text, in Markdown.

    Args:
        results: what the stages found with this very modeling file on the checkout's runtime; may be empty.
        release: the transformers release that the checkout pins.
    """
    template = markdown_environment("qeff_codegen.checkout").get_template("pull_request.md.jinja")
    model = change.model
    added, removed = lines_changed(model)
    places = dict(model.rules)
    text = template.render(
        model=model,
        upstream=model.upstream,
        change=change,
        configuration=change.configuration,
        release=release,
        rules=[(rule.id, places[rule.id], rule.why) for rule in rules() if places.get(rule.id)],
        added=added,
        removed=removed,
        kept=upstream_share(model),
        features=supported_features(change, results),
        files=[path.as_posix() for path in change.texts],
        stages=_stages(results),
        scenarios=len(results),
    )
    return text + _SEAL.format(_sha256(text))


def is_as_written(text: str) -> bool:
    """Whether nobody has edited the text of a pull request since it was written."""
    match = _SEALED.fullmatch(text)
    return match is not None and _sha256(match["text"]) == match["sha256"]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _stages(results: Sequence[ScenarioResult]) -> list[Stage]:
    return [Stage(number, name, _counted(number, results)) for number, name in STAGE_NAMES.items()]


def _counted(number: int, results: Sequence[ScenarioResult]) -> str:
    counts = Counter(stage.status for result in results for stage in result.stages if stage.stage == number)
    return ", ".join(f"{status} in {count}" for status, count in sorted(counts.items())) or NOT_RUN
