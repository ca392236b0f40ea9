"""In which order what is gone and what is new stand between two lines that both files have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.outline import definitions
from qeff_codegen.review.owners import Run


class DefinitionEnds:
    """Where upstream's file ends what a line of the generated file is part of."""

    def __init__(self, model: GeneratedModel) -> None:
        self._generated = definitions(model.code)
        self._ends = {item.name: item.lines.stop for item in definitions(model.upstream.source)}

    def of(self, run: Run) -> int:
        """The 1-based upstream line after the class or function that holds a run of generated lines.

        Blank lines above one belong to it; what stands above all of them ends at line 0.
        """
        above = not any(item.lines.start <= run.lines.start for item in self._generated)
        following = (item.name for item in self._generated if item.lines.stop > run.lines.start)
        return 0 if above else self._ends.get(next(following, ""), 0)


def merged(gone: Sequence[Run], added: Sequence[Run], ends: DefinitionEnds) -> Iterator[tuple[Run | None, Run | None]]:
    """Pairs of runs that stand for each other, and runs without a counterpart, in reading order."""
    matcher = SequenceMatcher(None, [_key(run) for run in gone], [_key(run) for run in added], False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        old, new = list(gone[old_start:old_end]), list(added[new_start:new_end])
        if tag == "equal":
            yield from zip(old, new, strict=True)
            continue
        # What is new in a class stands where upstream's class ends, before what upstream has after it.
        while old or new:
            if new and (not old or ends.of(new[0]) <= old[0].lines.start):
                yield None, new.pop(0)
            else:
                yield old.pop(0), None


def _key(run: Run) -> tuple[tuple[str, ...], str]:
    return run.owners, run.name
