"""The way a model takes: read, recognise, normalize, rewrite, assemble, verify."""

from __future__ import annotations

import ast
from dataclasses import replace

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingFile, read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.emit.mappings import as_defined, mapping_entries
from qeff_codegen.emit.modeling_file import ModelingFileText, assemble
from qeff_codegen.engine import rule_set
from qeff_codegen.engine.draft import Draft, open_draft
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.layout_followed import EXPECTED, NEXT
from qeff_codegen.engine.provenance import origin
from qeff_codegen.engine.rule import Broken, Check
from qeff_codegen.errors import Refusal
from qeff_codegen.garbage import no_garbage_collection
from qeff_codegen.generate.own_lines import OwnLines
from qeff_codegen.generated_model import GeneratedModel, MappingEntry, RoleFound
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.target import Target
from qeff_codegen.upstream.plain_layout import is_plain, plain_layout, with_usual_ends
from qeff_codegen.upstream.source import UpstreamModel


def generate_model(upstream: UpstreamModel, target: Target = EMBEDDED) -> GeneratedModel:
    """Generate the QEff modeling code of one model, without writing anything.

    Raises:
        Refusal: a role, a rule or a promise does not hold; the message says which, where, and what was expected.
    """
    with no_garbage_collection():
        return _generated(upstream, target)


def _generated(upstream: UpstreamModel, target: Target) -> GeneratedModel:
    file, own_lines = read(upstream)
    try:
        if upstream.image_text is not None:
            # Imported where there is one to generate: most commands are about models that read text alone.
            from qeff_codegen.image_text.generate import generate_image_text

            return own_lines.of_whole_file(generate_image_text(file, target))
        anatomy = recognise(file)
        text, mappings, draft = _rewritten(anatomy, target)
    except Refusal as refused:
        raise own_lines.refusal(refused) from None
    origins, edits = own_lines.generated(text.lines, text.edits)
    roles = own_lines.roles(anatomy.found())
    matches, looked_at = tuple(draft.matches.items()), tuple(sorted(draft.looked_at))
    return GeneratedModel(upstream.name, upstream, text.code, mappings, roles, edits, matches, origins, looked_at)


def _rewritten(anatomy: Anatomy, target: Target) -> tuple[ModelingFileText, tuple[MappingEntry, ...], Draft]:
    """The finished text that keeps every promise, the model's mapping entries, and what rules did to it."""
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


def inspect_model(upstream: UpstreamModel) -> tuple[RoleFound, ...]:
    """The roles recognised in one model, with place and reasons."""
    file, own_lines = read(upstream)
    try:
        if upstream.image_text is not None:
            from qeff_codegen.image_text.recognise import recognise_image_text

            return own_lines.roles(recognise_image_text(file).found())
        return own_lines.roles(recognise(file).found())
    except Refusal as refused:
        raise own_lines.refusal(refused) from None


def rule_summaries() -> dict[str, str]:
    """Every rule's id with its one sentence of why, in the order rules run."""
    return {rule.id: rule.why for rule in rule_set.rules()}


def read(upstream: UpstreamModel) -> tuple[ModelingFile, OwnLines]:
    """Upstream's file in the plain layout, and where its lines come from."""
    source = with_usual_ends(upstream.source)
    usual = upstream if source == upstream.source else replace(upstream, source=source)
    file = read_modeling_file(usual)
    if is_plain(source, file.tree):
        return file, OwnLines(upstream, None)
    layout = plain_layout(source)
    plain = read_modeling_file(replace(upstream, source=layout.text))
    if ast.dump(plain.tree) != ast.dump(file.tree):
        raise refusal(file, "the file's layout cannot be brought to the usual one", 1, EXPECTED, NEXT)
    return plain, OwnLines(upstream, layout.origins)
