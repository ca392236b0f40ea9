"""What was done on the way to a program: how long each step took, and what was seen of each graph."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qeff_codegen.preflight.candidate import GraphCandidate
from qeff_codegen.preflight.run import Preflight


@dataclass(frozen=True, eq=False)
class LookedAt:
    """A graph that preflight has looked at.

    Attributes:
        kind: what it is for, which no other graph is: `text`, `images and text`, or images of which sizes.
        candidate: the graph, and the programs that it is for.
        found: what preflight found.
        cache_precision: the type in which the device keeps keys and values, as `custom_io.yaml` says it.
    """

    kind: str
    candidate: GraphCandidate
    found: Preflight
    cache_precision: str


def making(compiler: Path | None) -> str:
    """The name of the step in which a program is made, or what its compiler reads where there is none."""
    return "writing what the compiler reads" if compiler is None else "compiling"


class Steps:
    """Steps in the order in which they began.

    Attributes:
        seconds: how long each took, by its name.
        looked_at: the graphs, in the order in which they were exported.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.looked_at: list[LookedAt] = []

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Takes the time of what is done inside, also where it fails."""
        started = time.perf_counter()
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started
