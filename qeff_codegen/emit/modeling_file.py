"""Put the generated modeling file together from the functions the rules have finished with."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.emit import steps
from qeff_codegen.emit.carried_over import bound_by, carried_over
from qeff_codegen.emit.formatting import formatted_below, formatted_imports
from qeff_codegen.emit.header import header, licence_lines
from qeff_codegen.emit.imports import global_names, import_section, imports_for_checkers, only_in_annotations, resolve
from qeff_codegen.emit.left_upstream import Emission, LeftOut, left_upstream
from qeff_codegen.emit.mappings import mapping_entries
from qeff_codegen.emit.meanings import RULE, refuse_bound_to_its_module, refuse_other_meanings, refuse_unsure
from qeff_codegen.emit.module_body import ModuleBody
from qeff_codegen.emit.reminders import without_reminders
from qeff_codegen.emit.undecorated import undecorate
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.provenance import Line, Removal, follow, origin, stands_for
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import Edit
from qeff_codegen.targets.target import Target
from qeff_codegen.upstream.source import UpstreamModel


@dataclass(frozen=True)
class ModelingFileText:
    """The finished text with what is known about it.

    Attributes:
        copied: those of `defined` that stand there as they stand in upstream's file.
        lines: every line of `code`, with where it comes from.
    """

    code: str
    edits: tuple[Edit, ...]
    imports: dict[str, str]
    defined: frozenset[str]
    copied: frozenset[str]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class WrittenBelow:
    """Classes that stand below what rules made, and the one that they take the place of, which is not written.

    Attributes:
        lines: their lines.
        defined: their names.
        without: the upstream class whose generated class they stand for.
    """

    lines: tuple[Line, ...]
    defined: frozenset[str]
    without: str


def assemble(draft: Draft, below: WrittenBelow | None = None) -> ModelingFileText:
    """Header, imports, then functions and `QEff*` classes in upstream's order, formatted with black.

    Args:
        below: what else stands in the file.

    Raises:
        Refusal: a name resolves to nothing, or a method would mean something else in a subclass.
    """
    file = draft.anatomy.file
    emitted = [item for item in _emitted(draft) if below is None or item.owner != below.without]
    body = _body(draft, emitted, (), below)
    used = global_names(body.text) - body.defined
    carried = carried_over(used, file)
    if carried:
        body = _body(draft, emitted, carried, below)
        used = global_names(body.text) - body.defined
    refuse_other_meanings(used, body.defined, file, draft.target)
    found, unknown = resolve(used, file, draft.target)
    found |= only_in_annotations(body.text, found)
    checked = imports_for_checkers(body.text, file, unknown)
    unknown = [name for name in unknown if name not in checked]
    if checked:
        found["TYPE_CHECKING"] = ("typing", "TYPE_CHECKING")
    if unknown:
        refuse_unsure(unknown[0], file)
        reading = next(index for index, line in enumerate(body.lines) if re.search(rf"\b{unknown[0]}\b", line.text))
        line = origin(body.lines, reading, file.lines)
        raise Refusal(
            f"generated code would use `{unknown[0]}`, which neither upstream's file nor the runtime of the target "
            f"`{draft.target.name}` defines",
            rule=RULE,
            location=file.location(line or draft.anatomy.causal_lm.cls.node.lineno),
            next_step="the target needs it, or a rule introduces it without saying where it is imported from",
        )
    section = import_section(found, checked, file.future, draft.target.first_party)
    imports = formatted_imports(section, draft.target)
    top = _top(draft.anatomy.file.upstream, draft.target, imports)
    laid_out = len(top if draft.target.reminders else without_reminders(line.text for line in top))
    lines = [*top, *body.lines]
    removals = [replace(item, before=item.before + len(top)) for item in body.removals]
    removals += _left_out(left_upstream(draft.anatomy, _emission(draft, emitted, found)), lines, removals)
    if not draft.target.reminders:
        kept = "\n".join(without_reminders(line.text for line in lines))
        lines, removals = follow(lines, removals, kept, steps.NO_REMINDERS.id)
    texts = [line.text for line in lines]
    code = formatted_below("\n".join(texts[:laid_out]), "\n".join(texts[laid_out:]) + "\n", draft.target)
    lines, removals = follow(lines, removals, code, steps.FORMATTER.id)
    return ModelingFileText(
        code,
        _edits(lines, removals),
        {name: module for name, (module, _) in {**found, **checked}.items()},
        frozenset(body.defined),
        frozenset(body.copied),
        tuple(lines),
    )


def _body(
    draft: Draft, emitted: Sequence[Function], carried: Sequence[ast.stmt], below: WrittenBelow | None
) -> ModuleBody:
    """Everything below the imports, in upstream's order, and what is written below that."""
    file = draft.anatomy.file
    body = ModuleBody(file.lines)
    statements = {item.lineno: item for item in carried}
    for line, name in sorted([*_places(file), *((line, "") for line in statements)]):
        functions = [item for item in emitted if name and name in (item.owner, item.qualified_name)]
        if line in statements:
            body.statement(statements[line], bound_by([statements[line]], file))
        elif functions and functions[0].owner is None:
            body.function(functions[0])
        elif functions:
            body.cls(draft, name, functions)
    if below is not None:
        body.lines.extend(below.lines)
        body.defined |= below.defined
    return body


def _top(upstream: UpstreamModel, target: Target, imports: str) -> list[Line]:
    """Header and imports; the lines of upstream's licence are upstream's."""
    text = header(upstream, target).splitlines()
    licence = licence_lines(upstream)
    first = len(target.licence.splitlines())
    lines = [Line(line, rules=(steps.HEADER.id,)) for line in text[:first]]
    lines += [Line(line, upstream=number) for line, number in zip(text[first:], licence, strict=False)]
    lines += [Line(line, rules=(steps.HEADER.id,)) for line in text[first + len(licence) :]]
    return [*lines, *(Line(line, rules=(steps.IMPORTS.id,)) for line in ["", *imports.splitlines()])]


def _emission(draft: Draft, emitted: list[Function], imported: Collection[str]) -> Emission:
    return Emission(
        functions={item.qualified_name for item in emitted if not item.added},
        added={item.qualified_name: item.lines[0].rules for item in emitted if item.added},
        classes={item.owner for item in emitted if item.owner is not None},
        imported=imported,
        mappings=mapping_entries(draft),
    )


def _left_out(found: Iterable[LeftOut], lines: list[Line], removals: list[Removal]) -> list[Removal]:
    """Upstream lines that are neither written nor removed by a rule, each run of them where it would stand."""
    told = {number for line in lines for number in stands_for(line)}
    told |= {number for removal in removals for number in removal.upstream}
    last = [max(stands_for(line), default=0) for line in lines]
    result: list[Removal] = []
    for item in found:
        upstream = tuple(number for number in item.lines if number not in told)
        if not upstream:
            continue
        following = (index for index, number in enumerate(last) if number > upstream[-1])
        removal = Removal(item.rules, upstream, next(following, len(lines)), item.name)
        if result and replace(result[-1], upstream=upstream) == removal and result[-1].upstream[-1] + 1 == upstream[0]:
            removal = replace(removal, upstream=(*result.pop().upstream, *upstream))
        result.append(removal)
    return result


def _places(file: ModelingFile) -> list[tuple[int, str]]:
    """The line of every class and every function of upstream's file, with its name."""
    places = {name: cls.node.lineno for name, cls in file.classes.items()}
    places.update({name: function.lineno for name, function in file.functions.items()})
    return [(line, name) for name, line in places.items()]


def _emitted(draft: Draft) -> list[Function]:
    """Functions that differ from upstream's, every forward, and what would otherwise call an unchanged twin."""
    reached = _reached(draft)
    file = draft.anatomy.file
    copied = [item for item in reached if item.owner is None and not file.upstream.can_import(item.name)]
    chosen = [item for item in reached if item.added or item.changed or item.is_forward or item in copied]
    for item in copied:
        undecorate(item, file)
    local = {item.name for item in chosen if item.owner is None}
    for item in reached:
        if item not in chosen and local & _reads(item):
            chosen.append(item)
    refuse_bound_to_its_module(draft, chosen)
    order = {id(item): index for index, item in enumerate(draft.functions)}
    return sorted(chosen, key=lambda item: order[id(item)])


def _reached(draft: Draft) -> list[Function]:
    """Functions that something still calls after the rules: what only dropped code called stays upstream's."""
    parts = {part.name: part for part in draft.anatomy.replaced}
    pending = [
        item
        for item in draft.functions
        if item.added or item.is_forward or (item.owner in parts and item.name in parts[item.owner].entries)
    ]
    reached = list(pending)
    while pending:
        code = pending.pop().code
        called = code.names.union(node.attr for node in code.nodes(ast.Attribute))
        new = [item for item in draft.functions if item.name in called and item not in reached]
        reached += new
        pending += new
    return [item for item in draft.functions if item in reached]


def _reads(function: Function) -> set[str]:
    return set(function.code.names)


def _edits(lines: list[Line], removals: list[Removal]) -> tuple[Edit, ...]:
    """Runs of lines that the same rules made, and removals, in the order of the generated file."""
    edits: list[tuple[int, Edit]] = []
    start = 0
    while start < len(lines):
        line = lines[start]
        end = start
        while end + 1 < len(lines) and _same_hunk(lines[end + 1], line):
            end += 1
        if line.upstream is None and line.rules:
            spans = _spans(line.replaces)
            first = spans[0] if spans else None
            edits.extend((start, Edit(rule, line.function, first, (start + 1, end + 1))) for rule in line.rules)
            edits.extend((start, Edit(rule, line.function, span, None)) for span in spans[1:] for rule in line.rules)
        start = end + 1
    for removal in sorted(removals, key=lambda item: item.upstream):
        for span in _spans(removal.upstream):
            edits.extend((removal.before, Edit(rule, removal.function, span, None)) for rule in removal.rules)
    return tuple(edit for _, edit in sorted(edits, key=lambda item: item[0]))


def _spans(numbers: tuple[int, ...]) -> list[tuple[int, int]]:
    """The runs of rising numbers, each from its first to its last: what lies between two runs is another edit's."""
    starts = [number for index, number in enumerate(numbers) if index == 0 or numbers[index - 1] != number - 1]
    ends = [number for index, number in enumerate(numbers) if numbers[index + 1 : index + 2] != (number + 1,)]
    return list(zip(starts, ends, strict=True))


def _same_hunk(line: Line, other: Line) -> bool:
    return line.rules == other.rules and line.replaces == other.replaces and line.function == other.function
