"""All that is in a model's way, where generating stops at the first: for people who weigh what a model would take."""

from __future__ import annotations

from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.anatomy.what_is_there import what_is_there
from qeff_codegen.emit.mappings import mapping_entries
from qeff_codegen.emit.modeling_file import assemble
from qeff_codegen.engine import rule_set
from qeff_codegen.engine.draft import Draft, open_draft
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import inspect_model, read
from qeff_codegen.generate.rewritten import check_refusal
from qeff_codegen.generated_model import RoleFound
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.upstream.source import UpstreamModel


@dataclass(frozen=True)
class Survey:
    """What generating a model meets.

    Attributes:
        roles: those that are recognised.
        obstacles: every refusal; a later one may follow from an earlier one. None for a model that is generated.
        rules: how many rules change something; None where it is not known who calls whom.
    """

    roles: tuple[RoleFound, ...]
    obstacles: tuple[Refusal, ...]
    rules: int | None


def survey(upstream: UpstreamModel) -> Survey:
    """Go on after every refusal as far as something can still be said.

    Raises:
        Refusal: the file cannot be read at all.
    """
    file, own_lines = read(upstream)
    if upstream.is_image_text:
        try:
            return Survey(inspect_model(upstream), (), None)
        except Refusal as refused:
            return Survey(own_lines.roles(_with_the_head(file)), (refused,), None)
    there = what_is_there(file)
    roles, obstacles = there.roles, there.obstacles
    rules: int | None = None
    if there.anatomy is not None:
        roles = there.anatomy.found()
        try:
            draft = open_draft(there.anatomy, EMBEDDED)
        except Refusal as refused:
            obstacles += (refused,)
        else:
            obstacles += _of_rules(draft)
            # What a module promises can be held against it only where all of it was understood.
            obstacles = obstacles or _of_checks(draft)
            rules = sum(count > 0 for count in draft.matches.values())
    return Survey(own_lines.roles(roles), tuple(map(own_lines.refusal, obstacles)), rules)


def _with_the_head(file: ModelingFile) -> tuple[RoleFound, ...]:
    """The one part of an image-text model that is known whatever is in the way."""
    whole = file.classes[file.upstream.image_text or ""]
    return (RoleFound("image-text model", whole.name, whole.node.lineno, ("upstream's table names it",)),)


def _of_rules(draft: Draft) -> tuple[Refusal, ...]:
    """The refusal of every rule, each after those before it did what they can."""
    found = []
    for rule in rule_set.rules_for(draft.target):
        try:
            rule.apply(draft)
        except Refusal as refused:
            found.append(refused)
    return tuple(found)


def _of_checks(draft: Draft) -> tuple[Refusal, ...]:
    """Every way in which the finished module breaks a promise."""
    try:
        text = assemble(draft)
        mappings = mapping_entries(draft)
    except Refusal as refused:
        return (refused,)
    anatomy = draft.anatomy
    module = FinishedModule(text.code, anatomy, mappings, text.imports, text.defined, draft.target, text.copied)
    checks = ((check, broken) for check in rule_set.checks() for broken in check.broken(module))
    return tuple(check_refusal(check, broken, anatomy, text) for check, broken in checks)
