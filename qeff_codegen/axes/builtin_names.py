"""Calls of names that are imported or Python's own: torch, modules of other packages, outputs, the runtime."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable as Function
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qeff_codegen.axes import calls, layers, states
from qeff_codegen.axes.given import Given
from qeff_codegen.axes.operations import number_of
from qeff_codegen.axes.values import (
    CACHE,
    KEYS,
    MASK,
    NONE,
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
    NotKnown,
    Plain,
    Record,
    Several,
    Shared,
    Start,
    Table,
    Tensor,
    Value,
    carries,
    named,
    options,
)
from qeff_codegen.axes.ways import each_of, joined

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
# Python's own that run a text or change names.
_HIDING = frozenset({"exec", "eval", "compile", "globals", "locals", "vars", "delattr", "__import__"})
_MASKS = frozenset({"_create_causal_mask", "_create_chunked_causal_mask"})
_IN_BLOCKS = "generic_blocked_attention_interface"


def imported(name: str) -> Plain | External:
    """What an imported name stands for."""
    return Plain(name, _NUMBERS[name]) if name in _NUMBERS else External(name)


def call(interpreter: Interpreter, function: External, given: Given, node: ast.AST) -> Value:
    """What a call of an imported name, or of one of Python's own, gives."""
    package, _, name = function.name.rpartition(".")
    if package == "builtins" and name in _HIDING:
        raise NotFollowed(f"`{name}` runs or reads what is not written here")
    if package == "builtins" and name in _BUILTINS:
        return _BUILTINS[name](interpreter, given)
    if not package:
        return _of_class(interpreter, name, given)
    if function.name == "itertools.cycle":
        return _iterated(interpreter, given)
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
    if name == "ModuleDict" and isinstance(modules := given.take(0, "modules"), Table):
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
    **dict.fromkeys(_MASKS, _mask),
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


def _length(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    if isinstance(value, Tensor):
        return number_of(value.known[0]) if value.known else Plain()
    if isinstance(value, Several) and value.items is not None:
        return Plain(str(len(value.items)), len(value.items))
    if isinstance(value, (NotKnown, Count, Start, Decision)):
        raise NotFollowed("the length of what follows the axes of a call")
    return Plain()


def _instance_of(interpreter: Interpreter, given: Given) -> Value:
    """Types say nothing of axes; whether a mask is a dictionary is known."""
    value, kinds = given.take(0), given.take(1)
    if isinstance(value, (Count, Start, Decision)):
        return Decision(given.name, "whether it is traced")
    if value == NONE and isinstance(kinds, External):
        return Plain("False", False)
    if kinds in (External("builtins.tuple"), External("builtins.list")) and isinstance(value, (Tensor, Several)):
        return Plain("False", False) if isinstance(value, Tensor) else Plain()
    if kinds == External("builtins.dict") and isinstance(value, Shared):
        return Plain("True", True)
    if kinds == External("builtins.dict") and isinstance(value, (Plain, Tensor, Table)):
        known = not isinstance(value, Plain) or value.constant is not ...
        return Plain(str(isinstance(value, Table)), isinstance(value, Table)) if known else Plain()
    return Plain()


def _get_attribute(interpreter: Interpreter, given: Given) -> Value:
    holder, name, default = given.take(0), given.take(1), given.take(2)
    if not isinstance(name, Plain) or holder is None:
        return Plain()
    text = name.constant if isinstance(name.constant, str) else name.text
    if isinstance(holder, Plain):
        return Plain(f"{holder.text}.{text}")
    if not options(holder):
        if carries(holder) or carries(default):
            raise NotFollowed("an attribute that is not written out")
        return Plain()
    found = [interpreter.attribute(option, text) for option in options(holder)]
    value = found[0]
    for other in found[1:]:
        value = joined(value, other)
    return value


def _set_attribute(interpreter: Interpreter, given: Given) -> Value:
    holder, name, value = given.take(0), given.take(1), given.take(2)
    if isinstance(holder, Instance) and not interpreter.makes:
        raise NotFollowed("something is kept between calls")
    if isinstance(holder, Instance) and isinstance(name, Plain) and value is not None:
        interpreter.keep(holder, name.constant if isinstance(name.constant, str) else name.text, value)
    elif carries(value):
        raise NotFollowed("something is kept where it is not followed")
    return NONE


def _range(interpreter: Interpreter, given: Given) -> Value:
    if any(map(carries, given.everything)):
        raise NotFollowed("a loop as often as a followed axis is long")
    return Several(None, Plain())


def _enumerate(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0, "iterable")
    each = _each(value)
    return Several(None, Several((Plain(), each)))


def _each(value: Value | None) -> Value:
    if isinstance(value, Several):
        found = each_of(value)
        return Plain() if found is None else found
    if value is not None and options(value):
        return value
    if carries(value):
        raise NotFollowed("a loop over what is not understood")
    return Plain()


def _zip(interpreter: Interpreter, given: Given) -> Value:
    lists = [value.items if isinstance(value, Several) else None for value in given.positional]
    if all(items is not None for items in lists):
        return Several(tuple(Several(tuple(row)) for row in zip(*(items or () for items in lists), strict=False)))
    return Several(None, Several(tuple(map(_each, given.positional))))


def _several(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    if value is None:
        return Several(())
    return replace(value, kept=False) if isinstance(value, Several) else Several(None, _each(value))


def _reversed(interpreter: Interpreter, given: Given) -> Value:
    value = _several(interpreter, given)
    return Several(value.items[::-1], value.each) if isinstance(value, Several) and value.items else value


def _iterated(interpreter: Interpreter, given: Given) -> Value:
    """An iterator over what is given: any item may be the next, and none has a place."""
    return Several(None, _each(given.take(0)))


def _next(interpreter: Interpreter, given: Given) -> Value:
    """`next(iterator)` where modules are made: any of its items, or the default."""
    iterator, default = given.take(0), given.take(1)
    if not interpreter.makes:
        raise NotFollowed("an iterator goes on from where it was left")
    if isinstance(iterator, Several) and iterator.items is not None and carries(iterator):
        raise NotFollowed("an item is taken away, and the others would change their places")
    found = _each(iterator)
    return found if default is None else joined(found, default)


def _set_of(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    return Several(None, Plain()) if value is None else Several(None, _each(value))


def _dictionary(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    if value is None and not given.keywords:
        return interpreter.store.container("dict")
    value = interpreter.store.shared(value) if isinstance(value, Shared) else value
    if value is not None and not isinstance(value, Table) and carries(value):
        raise NotFollowed("a dictionary of what is not understood")
    items = value.items if isinstance(value, Table) else ()
    return Table((*items, *given.keywords.items()), value.each if isinstance(value, Table) else None)


def _least(interpreter: Interpreter, given: Given) -> Value:
    """`max(0, ...)` of where the last part of a table starts is that; of other sizes nothing is asked."""
    starts = [value for value in given.positional if isinstance(value, Start)]
    if given.name == "max" and len(starts) == 1 and Plain("0", 0) in given.positional and len(given.positional) == 2:
        return starts[0]
    return _number(interpreter, given)


def _number(interpreter: Interpreter, given: Given) -> Value:
    for value in given.everything:
        if isinstance(value, (Count, Start)):
            raise NotFollowed(f"the number of {named(value.axis)} enters arithmetic")
        if isinstance(value, (NotKnown, Decision)) or carries(value):
            raise NotFollowed(f"`{given.name}` of what follows the axes of a call")
    return Plain()


def _magnitude(interpreter: Interpreter, given: Given) -> Value:
    value = given.take(0)
    return calls.of_tensors("abs", given) if isinstance(value, Tensor) else _number(interpreter, given)


def _same(interpreter: Interpreter, given: Given) -> Value:
    """`int` of a size is the size."""
    value = given.take(0)
    if isinstance(value, (Count, Plain)):
        return value
    return _number(interpreter, given)


def _said(interpreter: Interpreter, given: Given) -> Value:
    if given.name == "type" and isinstance(given.take(0), (Count, Start, Decision)):
        return Decision(given.name, "whether it is traced")
    return Plain()


def _known(interpreter: Interpreter, given: Given) -> Value:
    """Whether a module has an attribute is decided when it is made."""
    return Plain()


_BUILTINS: dict[str, Function[[Interpreter, Given], Value]] = {
    "len": _length,
    "isinstance": _instance_of,
    "getattr": _get_attribute,
    "setattr": _set_attribute,
    "hasattr": _known,
    "callable": _known,
    "range": _range,
    "enumerate": _enumerate,
    "zip": _zip,
    **dict.fromkeys(("tuple", "list"), _several),
    "iter": _iterated,
    "next": _next,
    "reversed": _reversed,
    **dict.fromkeys(("set", "sorted", "frozenset"), _set_of),
    "dict": _dictionary,
    **dict.fromkeys(("max", "min"), _least),
    **dict.fromkeys(("float", "round", "sum", "pow", "bool", "any", "all", "divmod"), _number),
    "abs": _magnitude,
    "int": _same,
    **dict.fromkeys(("str", "repr", "hash", "id"), _number),
    **dict.fromkeys(("print", "type"), _said),
    "super": _said,
}
