"""Models with layers that keep a state beside keys and values, or instead: a checkout's export has no place for one.

QEfficient's export of a text model gives every layer a key and a value, all of the one shape that it finds in the
configuration. Its hand-written hybrids say in a method what each of their layers keeps, and the export does not call
it. Beside that call it would take a cache that hands out states and functions that compute with them, which are no
lines that `apply` could add to a file. So such a model is refused, with the line of the checkout that is in the way.
"""

from __future__ import annotations

import ast
from pathlib import Path

from qeff_codegen.anatomy.causal_lm import find_causal_lm
from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import ModelingFile, read_modeling_file
from qeff_codegen.anatomy.module_states import kept_attribute
from qeff_codegen.anatomy.other_state import other_state
from qeff_codegen.anatomy.state_mixers import WRITES, state_calls
from qeff_codegen.checkout.checkout import CACHE, EXPORT, Checkout
from qeff_codegen.checkout.python_file import RULE, tree_of
from qeff_codegen.codemod.tree import find
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.upstream.source import UpstreamModel

EXPORTED_CLASS, METHOD, CACHE_CLASS = "QEFFAutoModelForCausalLM", "export", "QEffDynamicCache"
# What the hand-written hybrids say what each layer keeps with.
LAYERS_SAY = "get_onnx_retained_state_specs"
_PAIR = ["key", "value"]


def refuse_states(checkout: Checkout, upstream: UpstreamModel) -> None:
    """Let a model pass whose layers keep nothing but keys and values.

    Raises:
        Refusal: one of its modules keeps a state, in whatever way; or a file of the checkout is not valid Python.
    """
    file = read_modeling_file(upstream)
    kept = _state_kept(file)
    if kept is None:
        return
    module, line = kept
    obstacle, place = _in_the_way(checkout)
    raise Refusal(
        f"`{module}` keeps a state that is no key or value ({file.location(line)}), and {obstacle}",
        rule=RULE,
        location=place,
        expected=f"an export that asks the model for the names and shapes of what each layer keeps, as `{LAYERS_SAY}` "
        "of the hand-written hybrids says them, and a cache that hands out states",
        next_step="bring both into QEfficient first; without a checkout, `python -m qeff_codegen compile` exports the "
        "families with states that are checked in here",
    )


def _state_kept(file: ModelingFile) -> tuple[str, int] | None:
    """A module of the causal LM that keeps a state, and the line where it writes it; None if there is none."""
    classes = mentioned(file, find_causal_lm(file))
    for cls in classes:
        for call in state_calls(cls):
            if isinstance(call.func, ast.Attribute) and call.func.attr in WRITES:
                return cls.name, call.lineno
        if cls.forward is not None and kept_attribute(cls, file) is not None:
            return cls.name, cls.forward.lineno
    other = other_state(file, classes)
    return None if other is None else (other[0].name, other[1].lineno)


def _in_the_way(checkout: Checkout) -> tuple[str, Location | None]:
    """What of the checkout such a model cannot go with, and where it stands."""
    loops = [
        node
        for method in _method(checkout, EXPORT, EXPORTED_CLASS, METHOD)
        for node in find(ast.For, method)
        if isinstance(node.iter, ast.List) and [getattr(item, "value", None) for item in node.iter.elts] == _PAIR
    ]
    if loops:
        # Where a model has dummies of its own, the first of them is taken; the last is what all others get.
        return "the checkout's export gives every layer a key and a value", _place(checkout, EXPORT, loops[-1])
    caches = [node for node in _classes(checkout, CACHE) if node.name == CACHE_CLASS]
    where = _place(checkout, CACHE, caches[0]) if caches else None
    return f"the checkout's `{CACHE_CLASS}`, as it is known here, hands out none", where


def _method(checkout: Checkout, path: Path, name: str, method: str) -> list[ast.FunctionDef]:
    return [
        item
        for node in _classes(checkout, path)
        if node.name == name
        for item in node.body
        if isinstance(item, ast.FunctionDef) and item.name == method
    ]


def _classes(checkout: Checkout, path: Path) -> list[ast.ClassDef]:
    return [node for node in tree_of(checkout.read(path) or "", path).body if isinstance(node, ast.ClassDef)]


def _place(checkout: Checkout, path: Path, node: ast.stmt) -> Location:
    lines = (checkout.read(path) or "").splitlines()
    return Location(path.as_posix(), node.lineno, lines[node.lineno - 1])
