"""One run of one function: what its names hold, and what it has returned so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from qeff_codegen.axes.values import Instance, Value
from qeff_codegen.axes.ways import joined

Names = dict[str, Value]


@dataclass
class Frame:
    """The state of a function that is interpreted.

    Attributes:
        generated: whether it stands in the generated file.
        instance: what `self` is in it.
        owner: the class that defines it.
        given: names of its parameters.
        returned: every value that it returns.
        assumed: conditions by their text of which it is assumed that they hold, or do not.
        loops: how many loops the statement stands in that is interpreted.
        left: what names hold where a loop is left or begun anew.
    """

    generated: bool
    instance: Instance | None
    owner: str
    names: Names
    given: frozenset[str] = frozenset()
    returned: list[Value] = field(default_factory=list)
    left: list[Names] = field(default_factory=list)
    loops: int = 0
    assumed: dict[str, bool] = field(default_factory=dict)


def joined_names(one: Names, other: Names) -> Names:
    """What names hold after one of two ways."""
    if one == other:
        return one
    found = dict(one)
    for name, value in other.items():
        found[name] = joined(found[name], value) if name in found else value
    return found
