"""Find the modules of a decoder layer that mix tokens by a state: a convolution's last columns, a recurrent state.

They are known by their calls on the cache, which hands out and takes back what a layer has kept.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.caches import cache_update, received_cache
from qeff_codegen.anatomy.called_as import spellings
from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.module_states import kept_attribute
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.roles import BESIDE, Role
from qeff_codegen.codemod.tree import find, spelled

# The last of each are those of caches that a file makes for itself.
READS = ("get_conv_state", "get_recurrent_state", "get_linear_cache")
# An indexer's keys have slots, as keys have; like a state they are kept beside these, and by a module of their own.
OF_INDEXER = "update_indexer"
WRITES = ("update_conv_state", "update_recurrent_state", "set_linear_cache", OF_INDEXER)
# Whether the next call may have to take back what this one writes, and whether there was a call before.
ASKS = ("is_recording_past", "has_previous_state")


def state_calls(cls: ModelingClass) -> tuple[ast.Call, ...]:
    """The calls `<cache>.<one of those above>(...)` of a class's forward, and of its methods that forward calls."""
    known = (*READS, *WRITES, *ASKS)
    called = (self_attribute(call.func) for call in find(ast.Call, cls.forward))
    methods = [cls.methods[name] for name in dict.fromkeys(called) if name is not None and name in cls.methods]
    return tuple(
        call
        for method in (cls.forward, *methods)
        for call in find(ast.Call, method)
        if isinstance(call.func, ast.Attribute) and call.func.attr in known and isinstance(call.func.value, ast.Name)
    )


def writes_state(cls: ModelingClass) -> ast.Call | None:
    """The first of those calls that writes a state, if one does; None where the class also writes keys."""
    if cache_update(cls) is not None:
        return None
    calls = state_calls(cls)
    return next((call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in WRITES), None)


def find_state_mixers(file: ModelingFile, builder: ModelingClass) -> tuple[Part, ...]:
    """Every class that a decoder layer, or what it calls, builds and that writes a state, into the cache or itself."""
    parts: dict[str, Part] = {}
    for attribute, names in builder.built.items():
        for name in names:
            cls = file.classes[name]
            write, on_itself = writes_state(cls), kept_attribute(cls, file)
            if write is None and on_itself is None:
                continue
            known = parts.get(name)
            kept = (f"its forward keeps `self.{on_itself}` from call to call",) if on_itself else ()
            because = known.because if known else (*map(_reason, filter(_is_kept, state_calls(cls))), *kept)
            cache = received_cache(file, cls, write) if write is not None else ""
            parts[name] = Part(
                Role.INDEXER if write is not None and _is_of_indexer(write) else Role.STATE_MIXER,
                cls,
                (*dict.fromkeys(because), f"`{builder.name}` builds it as `self.{attribute}`"),
                (*(known.called_as if known else ()), *spellings(builder, attribute)),
                cache,
            )
    return tuple(parts.values())


def find_inner_mixers(file: ModelingFile, builder: ModelingClass) -> tuple[Part, ...]:
    """Every class that an attention, or another state mixer, builds for itself and that writes a state."""
    return tuple(
        replace(part, called_as=(), called_inside=part.called_as) for part in find_state_mixers(file, builder)
    )


def _is_of_indexer(write: ast.Call) -> bool:
    return isinstance(write.func, ast.Attribute) and write.func.attr == OF_INDEXER


def _is_kept(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in (*READS, *WRITES)


def _reason(call: ast.Call) -> str:
    return f"its forward calls `{spelled(call.func)}`"


def is_of_layer(call: ast.Call) -> bool:
    """Whether a call names the layer's own number, and no state but the first."""
    given = [*call.args, *(item.value for item in call.keywords if item.arg != "state_idx")]
    chosen = [item.value for item in call.keywords if item.arg == "state_idx"]
    of_layer = any((self_attribute(item) or "").startswith("layer_i") for item in given)
    return of_layer and all(isinstance(item, ast.Constant) and item.value == 0 for item in chosen)


def refuse_states_elsewhere(file: ModelingFile, causal_lm: ModelingClass, parts: tuple[Part, ...]) -> None:
    """Refuse a module that keeps a state and is no part of the call path.

    Raises:
        Refusal: one is mentioned where no decoder layer calls it with the cache.
    """
    known = {part.name for part in parts if part.role in BESIDE}
    for cls in mentioned(file, causal_lm):
        calls = [call for call in state_calls(cls) if _is_kept(call)]
        if calls and cls.name not in known:
            raise refusal(
                file,
                f"`{cls.name}` keeps a state and is no module that a decoder layer or its attention calls by itself",
                calls[0].lineno,
                "`<cache>.update_conv_state(...)` or `<cache>.update_recurrent_state(...)` in a module that the "
                "decoder layer, or its attention, builds and calls with the cache",
            )
