"""Calls of names that are imported: torch, modules of other packages, outputs, the runtime."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable as Function
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qeff_codegen.axes import builtin_names, calls, layers, states
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.key_places import CHUNKED_MASK, FULL_MASK, check_key_places
from qeff_codegen.axes.values import (
    CACHE,
    KEYS,
    MASK,
    ONE,
    POSITIONS,
    ROWS,
    SOME,
    TOKENS,
    Callable,
    Count,
    Decision,
    External,
    Instance,
    Layer,
    NotFollowed,
    Plain,
    Record,
    Several,
    Shared,
    Table,
    Tensor,
    Value,
    carries,
)
from qeff_codegen.axes.ways import each_of

if TYPE_CHECKING:
    from qeff_codegen.axes.interpreter import Interpreter

# What holds modules, and what holds a tensor that belongs to a module.
_LISTS_OF_MODULES = frozenset({"ModuleList"})
_PARAMETERS = frozenset({"Parameter", "Buffer"})
# What is a number, whoever imports it.
_NUMBERS = {
    f"{package}.{name}": getattr(math, name)
    for package in ("math", "torch", "numpy")
    for name in ("pi", "e", "tau", "inf", "nan")
}
# What tells the tracer from PyTorch: it decides what the graph holds, and not what is computed beside it.
_ASKING = frozenset(
    [
        "is_tracing",
        "is_in_onnx_export",
        "is_compiling",
        "is_dynamo_compiling",
        "is_exporting",
        "is_torchdynamo_compiling",
        "is_torchdynamo_exporting",
        "is_torch_fx_proxy",
    ]
)
_IN_BLOCKS = "generic_blocked_attention_interface"


def imported(name: str) -> Plain | External:
    """What an imported name stands for."""
    return Plain(name, _NUMBERS[name]) if name in _NUMBERS else External(name)


def call(interpreter: Interpreter, function: External, given: Given, node: ast.AST) -> Value:
    """What a call of an imported name, or of one of Python's own, gives."""
    package, _, name = function.name.rpartition(".")
    if package == "builtins" and (value := builtin_names.call(interpreter, name, given)) is not None:
        return value
    if not package:
        return _of_class(interpreter, name, given)
    if function.name == "itertools.cycle":
        return builtin_names.iterated(interpreter, given)
    if function.name == "torch.is_autocast_enabled":
        # Nothing is exported under it.
        return Plain("False", False)
    if name in _ASKING:
        return Decision(given.name, "whether it is traced")
    if package.startswith(".") and name == "apply":
        forward = interpreter.classes.file.classes[package[1:]].methods["forward"]
        return interpreter.call(
            Callable(forward, False), Given(name, (Plain("ctx"), *given.positional), given.keywords), node
        )
    if name in _OF_STATES and package.endswith(".runtime.states"):
        return _OF_STATES[name](given)
    if name in _OWN:
        return _OWN[name](interpreter, given, node)
    if name in _LISTS_OF_MODULES:
        modules = given.take(0, "modules")
        return Several(None, each_of(modules)) if isinstance(modules, Several) else Several(None, None)
    if name == "ModuleDict" and isinstance(modules := given.take(0, "modules"), (Table, Shared)):
        return modules
    if name == "Sequential" and given.complete and layers.is_linear(given.positional):
        return Layer("Linear")
    if name in _PARAMETERS:
        value = given.take(0, "data", "tensor")
        return value if isinstance(value, Tensor) else Tensor(None)
    if function.name in calls.CALLABLE_CONSTANTS or name in layers.ACTIVATIONS:
        return Layer(name)
    if function.name in layers.MADE_ACTIVATIONS:
        return layers.run(Layer("ACT2FN"), given)
    if name.endswith(("Output", "OutputWithPast", "Outputs")) or "modeling_outputs" in package:
        return Record(tuple(given.keywords.items()))
    if package.startswith("torch") and name[:1].islower():
        check_key_places(interpreter, name, given)
        return calls.of_tensors(name, Given(name, given.positional, given.keywords, given.in_rotation))
    if name == "Conv1d":
        return layers.convolution(given)
    if name[:1].isupper() and name in layers.LAYERS:
        return _layer(name, given)
    if any(map(carries, given.everything)):
        raise NotFollowed(f"it is not known what `{given.name}` computes")
    return Layer(name) if package.startswith("torch.nn") else Plain()


def _layer(name: str, given: Given) -> Value:
    shape = given.take(0, "normalized_shape", "dim")
    if name == "Softmax" and isinstance(shape, Plain) and isinstance(shape.constant, int):
        return Layer(name, "", shape.constant)
    count = len(shape.items) if isinstance(shape, Several) and shape.items is not None else 1
    return Layer(name, "", count)


def _of_class(interpreter: Interpreter, name: str, given: Given) -> Value:
    """An instance of a class of the file: a module, or a record of outputs."""
    name = name.removeprefix("QEff") if name.removeprefix("QEff") in interpreter.classes.file.classes else name
    if interpreter.classes.is_module(name):
        interpreter.note_made(name, given)
        return Instance(name)
    if name.endswith(("Output", "OutputWithPast", "Outputs")) or given.keywords:
        return Record(tuple(given.keywords.items()))
    if any(map(carries, given.everything)):
        raise NotFollowed(f"it is not known what `{name}` does")
    return Plain()


def _mask(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    """A mask is made of positions and of the context's length, and of nothing else that is followed."""
    positions, length = given.take(0, "position_ids"), given.take(1, "target_length")
    if not isinstance(positions, Tensor) or positions.kind != POSITIONS or length != Count((KEYS,)):
        raise NotFollowed("a mask of something else than positions and the length of the context")
    return Tensor(((ROWS,), ONE, (TOKENS,), (KEYS,)), MASK)


def _largest(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    """The mask of all keys but those of the largest scores is made of scores, of the mask, and of a fixed count."""
    scores, mask, count = given.tensor(0, "index_scores"), given.tensor(1, "attention_mask"), given.take(2, "count")
    by_keys = ((ROWS,), (TOKENS,), (KEYS,))
    if scores.known != by_keys or mask.known != by_keys or mask.kind != MASK:
        raise NotFollowed("keys are chosen by something else than a score and the mask for each token and key")
    if not isinstance(count, Plain):
        raise NotFollowed("how many keys are chosen depends on a call")
    return Tensor(by_keys, MASK)


def _over_blocks(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    function = given.take(0, "attention")
    if not isinstance(function, Callable):
        raise NotFollowed("blocks of keys of an attention that is not known")
    return replace(function, results=2)


def _in_blocks(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    """The runtime's own attention, which writes the cache too."""
    output = Tensor(((ROWS,), (TOKENS,), (SOME,), (SOME,)))
    return Several((output, Tensor(((ROWS,), (SOME,), (TOKENS,), (KEYS,)))))


def _cache(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    return CACHE


def _container(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    return interpreter.store.container(given.name)


def _limits(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    return Plain("limits of a type")


def _chunked(interpreter: Interpreter, given: Given, node: ast.AST) -> Value:
    """`apply_chunking_to_forward`: a function of parts of the tokens, which computes every token for itself."""
    function, *inputs = given.positional[:1] + given.positional[3:]
    return interpreter.call(function, Given(given.name, tuple(inputs), {}), node)


_OWN: dict[str, Function[[Interpreter, Given, ast.AST], Value]] = {
    **dict.fromkeys((FULL_MASK, CHUNKED_MASK), _mask),
    "all_but_largest": _largest,
    "over_key_blocks": _over_blocks,
    _IN_BLOCKS: _in_blocks,
    "from_legacy_cache": _cache,
    **dict.fromkeys(("finfo", "iinfo"), _limits),
    **dict.fromkeys(("KVSharingDict", "UserDict"), _container),
    "apply_chunking_to_forward": _chunked,
}


# What the runtime has for layers that keep states.
_OF_STATES: dict[str, Function[[Given], Value]] = {
    "causal_conv1d": states.convolved,
    **{name: partial(states.gone_through, name=name) for name in states.SCANS},
}
