"""Parts that stand side by side on the call path: layers of a list, what a layer chooses from when it is made."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.modeling_file import ModelingFile, parameters
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.tree import find, spelled


def in_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts in the order of the call path; a class that several layers build is one part."""
    found: dict[str, Part] = {}
    for part in parts:
        known = found.get(part.name)
        if known is not None:
            part = replace(
                part,
                because=tuple(dict.fromkeys((*known.because, *part.because))),
                called_as=tuple(dict.fromkeys((*known.called_as, *part.called_as))),
                called_inside=tuple(dict.fromkeys((*known.called_inside, *part.called_inside))),
            )
        found[part.name] = part
    return tuple(sorted(found.values(), key=lambda part: CALL_PATH.index(part.role)))


def called_by_others(layers: tuple[Part, ...]) -> tuple[Part, ...]:
    """The layers of a list, each with how another layer that holds it calls it."""
    return tuple(
        replace(
            part,
            called_as=(
                *part.called_as,
                *(
                    f"self.{attribute}"
                    for other in layers
                    for attribute, names in other.cls.built.items()
                    if part.name in names
                ),
            ),
        )
        for part in layers
    )


def refuse_other_calls(file: ModelingFile, parts: tuple[Part, ...]) -> None:
    """Refuse parts that may be called in one spelling and call what they are given otherwise.

    One that keeps its state on itself is handed no cache yet, and its first argument by place.

    Raises:
        Refusal: they have other names for what they are given first, or for a cache that is not given by its name.
    """
    for number, part in enumerate(parts):
        for other in parts[:number]:
            shared = sorted(set(part.called_as) & set(other.called_as))
            first = [parameters(item.forward)[:1] for item in (part, other)]
            named = part.cache_parameter and other.cache_parameter
            by_name = part.cache_parameter == other.cache_parameter or not _given_by_place(file, shared)
            if shared and named and (not by_name or first[0] != first[1]):
                raise refusal(
                    file,
                    f"`{shared[0]}` may be `{other.name}` or `{part.name}`, which take other arguments",
                    part.forward.lineno,
                    "the same names for hidden states and cache in every forward that may be called there",
                )


def _given_by_place(file: ModelingFile, spellings: list[str]) -> bool:
    """Whether a call in one of some spellings gives more by its place than the hidden states."""
    return any(spelled(call.func) in spellings and len(call.args) > 1 for call in find(ast.Call, file.tree))
