"""A key's place in the cache, which is its position only where upstream keeps every key.

Ours keeps a slot for every position. Upstream's cache drops what came before the window of a layer that has one, so
what is computed with the places of its keys is another thing from the first dropped key on.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from qeff_codegen.axes.given import Given
from qeff_codegen.axes.values import KEYS, ONES, Count, NotFollowed, Tensor
from qeff_codegen.codemod.tree import find, spelled

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter

FULL_MASK, CHUNKED_MASK = "_create_causal_mask", "_create_chunked_causal_mask"


def check_key_places(interpreter: Interpreter, name: str, given: Given) -> None:
    """Makes sure that an operation does not number keys of which upstream may keep a window.

    Raises:
        NotFollowed: it does, whether by counting or by adding up ones.
    """
    counts = name == "arange" and Count((KEYS,)) in given.everything
    first = given.take(0, "input", "self")
    adds_up = name == "cumsum" and isinstance(first, Tensor) and first.kind == ONES and (KEYS,) in first.known
    if (counts or adds_up) and any(map(_masks_a_window, find(ast.Call, interpreter.module.tree))):
        raise NotFollowed(f"`{name}` numbers keys by their places, and upstream keeps only a window of them")


def _masks_a_window(call: ast.Call) -> bool:
    name = spelled(call.func)
    return name == CHUNKED_MASK or (
        name == FULL_MASK and any(given.arg == "sliding_window" for given in call.keywords)
    )
