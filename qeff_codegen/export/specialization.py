"""A set of sizes for the axes that a graph leaves open: what a program is made for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Specialization:
    """One set of sizes.

    Attributes:
        name: the name the compiler gives the program.
        symbols: the number of each dynamic axis, by the axis's name in the graph, sorted.
    """

    name: str
    symbols: dict[str, int]
