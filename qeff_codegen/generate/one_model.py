"""The way a model takes: read, recognise, normalize, rewrite, assemble, verify."""

from __future__ import annotations

import ast
from dataclasses import replace

from qeff_codegen.anatomy.modeling_file import ModelingFile, read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.engine import rule_set
from qeff_codegen.engine.layout_followed import EXPECTED, NEXT
from qeff_codegen.errors import Refusal
from qeff_codegen.garbage import no_garbage_collection
from qeff_codegen.generate.own_lines import OwnLines
from qeff_codegen.generate.rewritten import rewritten
from qeff_codegen.generated_model import GeneratedModel, RoleFound
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
        if upstream.is_image_text:
            # Imported where there is one to generate: most commands are about models that read text alone.
            from qeff_codegen.generate.image_text import generated_image_text

            return generated_image_text(file, own_lines, target)
        if upstream.image_text is not None:
            from qeff_codegen.generate.image_text import generated_with_images

            return generated_with_images(file, own_lines, target)
        anatomy = recognise(file)
        text, mappings, draft = rewritten(anatomy, target)
    except Refusal as refused:
        raise own_lines.refusal(refused) from None
    origins, edits = own_lines.generated(text.lines, text.edits)
    roles = own_lines.roles(anatomy.found())
    matches, looked_at = tuple(draft.matches.items()), tuple(sorted(draft.looked_at))
    return GeneratedModel(upstream.name, upstream, text.code, mappings, roles, edits, matches, origins, looked_at)


def inspect_model(upstream: UpstreamModel) -> tuple[RoleFound, ...]:
    """The roles recognised in one model, with place and reasons."""
    file, own_lines = read(upstream)
    try:
        if upstream.is_image_text:
            from qeff_codegen.image_text.recognise import recognise_image_text

            return own_lines.roles(recognise_image_text(file).found())
        if upstream.image_text is not None:
            from qeff_codegen.generate.image_text import roles_with_images

            return own_lines.roles(roles_with_images(file, recognise(file)))
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
