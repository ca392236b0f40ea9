"""What the rules make of a model, held against every promise."""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.emit.mappings import as_defined, mapping_entries
from qeff_codegen.emit.modeling_file import ModelingFileText, WrittenBelow, assemble
from qeff_codegen.engine import rule_set
from qeff_codegen.engine.draft import Draft, open_draft
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.provenance import origin
from qeff_codegen.engine.rule import Broken, Check
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.target import Target


def rewritten(
    anatomy: Anatomy, target: Target, below: WrittenBelow | None = None
) -> tuple[ModelingFileText, tuple[MappingEntry, ...], Draft]:
    """The finished text that keeps every promise, the model's mapping entries, and what rules did to it.

    Args:
        below: what stands in the file beside what the rules made, which the promises are not about.

    Raises:
        Refusal: a rule finds no place that it must find, or a promise is not kept.
    """
    draft = open_draft(anatomy, target)
    for rule in rule_set.rules_for(target):
        rule.apply(draft)
    text = assemble(draft)
    mappings = mapping_entries(draft)
    module = FinishedModule(text.code, anatomy, mappings, text.imports, text.defined, target, text.copied)
    for check in rule_set.checks():
        broken = check.broken(module)
        if broken:
            raise check_refusal(check, broken[0], anatomy, text)
    if below is not None:
        text = assemble(draft, below)
    return text, as_defined(mappings, anatomy.file.upstream), draft


def check_refusal(check: Check, broken: Broken, anatomy: Anatomy, text: ModelingFileText) -> Refusal:
    """What a broken promise is as a refusal, at upstream's line."""
    line = broken.line
    if line is None and broken.generated is not None:
        line = origin(text.lines, broken.generated - 1, anatomy.file.lines)
    return Refusal(
        broken.what,
        rule=check.id,
        location=anatomy.file.location(line or anatomy.causal_lm.cls.node.lineno),
        expected=check.promise,
        next_step="this is a promise about the finished module; the construct needs a rule that keeps it",
    )
