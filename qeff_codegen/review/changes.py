"""Upstream's file and the generated one beside each other: what is the same, and who owns each hunk.

The two texts are laid out by what the engine recorded, and held against it: a line counts as unchanged only where both
texts have it, and every other line must belong to a recorded edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qeff_codegen.emit.steps import FORMATTER
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.owners import Owners, Run
from qeff_codegen.review.run_order import DefinitionEnds, merged


@dataclass(frozen=True)
class Same:
    """A run of lines that both files have; both ranges are of 1-based lines."""

    upstream: range
    generated: range


@dataclass(frozen=True)
class Hunk:
    """Lines that differ, and who made them differ.

    Attributes:
        owners: ids of rules, or of steps of emission, in the order in which they ran.
        name: the qualified upstream name of the class, method or function; empty outside of them.
        upstream: 1-based lines of upstream's file that are gone.
        generated: 1-based lines of the generated file that are new.
    """

    owners: tuple[str, ...]
    name: str
    upstream: range
    generated: range


def changes(model: GeneratedModel) -> tuple[Same | Hunk, ...]:
    """Both files from top to bottom; every line of each is in exactly one item.

    Raises:
        UnownedLineError: a line differs that no edit covers.
    """
    upstream, generated = model.upstream.lines, model.code.splitlines()
    owners = Owners(model)
    definition_ends = DefinitionEnds(model)
    result: list[Same | Hunk] = []
    common = [(0, 0), *_common(model.origins, upstream, generated), (len(upstream) + 1, len(generated) + 1)]
    for (old, new), (next_old, next_new) in pairwise(common):
        if old:
            _append_same(result, old, new)
        gone = owners.of_upstream(range(old + 1, next_old))
        added = owners.of_generated(range(new + 1, next_new))
        result += _joined(_hunk(*pair) for pair in merged(gone, added, definition_ends))
    return tuple(result)


def _common(origins: Sequence[int | None], upstream: Sequence[str], generated: Sequence[str]) -> list[tuple[int, int]]:
    """1-based lines that both files have, at rising places in both."""
    found: list[tuple[int, int]] = []
    for new, (old, text) in enumerate(zip(origins, generated, strict=True), start=1):
        last = found[-1][0] if found else 0
        if old is not None and old > last and upstream[old - 1] == text:
            found.append((old, new))
    return found


def _append_same(items: list[Same | Hunk], old: int, new: int) -> None:
    last = items[-1] if items else None
    if isinstance(last, Same):
        items[-1] = Same(range(last.upstream.start, old + 1), range(last.generated.start, new + 1))
    else:
        items.append(Same(range(old, old + 1), range(new, new + 1)))


def _hunk(gone: Run | None, added: Run | None) -> Hunk:
    run = gone or added
    assert run is not None
    return Hunk(run.owners, run.name, gone.lines if gone else range(0), added.lines if added else range(0))


def _joined(hunks: Iterable[Hunk]) -> list[Hunk]:
    """Neighbours of the same rules in the same function become one hunk, whichever of them black laid out anew."""
    result: list[Hunk] = []
    for hunk in hunks:
        last = result[-1] if result else None
        if last is not None and (_rules(last), last.name) == (_rules(hunk), hunk.name):
            owners = tuple(dict.fromkeys((*last.owners, *hunk.owners)))
            upstream = _end_to_end(last.upstream, hunk.upstream)
            result[-1] = Hunk(owners, hunk.name, upstream, _end_to_end(last.generated, hunk.generated))
        else:
            result.append(hunk)
    return result


def _rules(hunk: Hunk) -> tuple[str, ...]:
    return tuple(owner for owner in hunk.owners if owner != FORMATTER.id)


def _end_to_end(first: range, second: range) -> range:
    return range(first.start, second.stop) if first and second else first or second
