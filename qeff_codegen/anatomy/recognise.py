"""Recognise the roles of a modeling file by following the call path from the causal LM inwards.

Each step looks at structure: what a class builds, what its forward calls, where the KV cache is updated. Names decide
nothing, so a file whose classes are called otherwise is understood all the same. A step that finds no answer, or
more than one where one is needed, refuses and says what it looked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.anatomy import Anatomy, Norm, Part
from qeff_codegen.anatomy.attention_functions import find_attention_functions
from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.dense_experts import find_dense_experts
from qeff_codegen.anatomy.embeddings import find_embeddings
from qeff_codegen.anatomy.experts import find_experts
from qeff_codegen.anatomy.known_gaps import refuse_known_gaps
from qeff_codegen.anatomy.listed_experts import find_listed_experts
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, bind, self_attribute
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.rms_norm import recognise_rms_norm
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.rotary import find_rotary_embeddings
from qeff_codegen.anatomy.sorted_experts import find_sorted_experts


def recognise(file: ModelingFile) -> Anatomy:
    """Find every role of the decoder in `file`.

    Raises:
        Refusal: a role on the call path cannot be found, with the place where the search ended.
    """
    causal_lm = _causal_lm(file)
    refuse_known_gaps(file, causal_lm)
    called_as, model = _model(file, causal_lm)
    stack = _stack(file, model)
    loop, layer = _decoder_layer(file, stack[1] if stack else model)
    wrapper = _wrapper(file, layer)
    attentions = _attentions(file, file.classes[wrapper[1]] if wrapper else layer)
    wrappers = (_wrapper_part(file, layer, *wrapper, attentions),) if wrapper else ()
    layer_part = _layer_part(file, layer, loop, wrappers or attentions)
    stacks: tuple[Part, ...] = (_stack_part(file, model, stack, loop, layer_part),) if stack else ()
    looped = f"its forward calls `{stack[0]}`" if stack else f"its forward loops over `{loop.iterable}`"
    model_part = Part(
        Role.MODEL,
        model,
        (f"`{causal_lm.name}` calls it as `{called_as}`", looped),
        (called_as,),
        _passed_cache(file, model, {stack[0]: stacks[0]} if stack else {loop.variable: layer_part}),
    )
    causal_lm_part = Part(
        Role.CAUSAL_LM,
        causal_lm,
        _why_causal_lm(file, causal_lm),
        (),
        _passed_cache(file, causal_lm, {called_as: model_part}),
    )
    path = (causal_lm_part, model_part, *stacks, layer_part, *wrappers, *attentions)
    reachable = tuple(_reachable(file, causal_lm))
    functions, mask_parameters = find_attention_functions(file, attentions)
    norms = tuple(
        Norm(file.classes[name], kind)
        for name in reachable
        if (kind := recognise_rms_norm(file.classes[name])) is not None
    )
    rotary = find_rotary_embeddings(file, reachable)
    experts = (
        *find_experts(file, reachable),
        *find_listed_experts(file, reachable),
        *find_sorted_experts(file, reachable),
        *find_dense_experts(file, reachable),
    )
    embeddings = find_embeddings(file, model)
    return Anatomy(file, path, embeddings, rotary, experts, norms, functions, mask_parameters, reachable)


# -- causal LM -----------------------------------------------------------------------------------------------------


def _causal_lm(file: ModelingFile) -> ModelingClass:
    named = file.upstream.causal_lm
    if named is not None:
        if named not in file.classes:
            raise refusal(file, f"`{named}` is not defined in this file", 1, f"class {named}")
        return file.classes[named]
    candidates = [cls for cls in file.classes.values() if _looks_like_causal_lm(cls)]
    if len(candidates) != 1:
        found = ", ".join(cls.name for cls in candidates) or "none"
        raise refusal(
            file,
            f"there must be one causal LM in the file, found {found}",
            candidates[0].node.lineno if candidates else 1,
            "one class that inherits GenerationMixin and whose forward returns logits",
        )
    return candidates[0]


def _looks_like_causal_lm(cls: ModelingClass) -> bool:
    generates = any(base.split(".")[-1] == "GenerationMixin" for base in cls.bases)
    return generates and cls.forward is not None and "logits" in ast.unparse(cls.forward)


def _why_causal_lm(file: ModelingFile, cls: ModelingClass) -> tuple[str, ...]:
    if file.upstream.causal_lm == cls.name:
        return (f"upstream's causal-LM table names it for `{file.upstream.name}`",)
    return ("the one class that inherits GenerationMixin and returns logits",)


# -- model and decoder layers --------------------------------------------------------------------------------------


def _model(file: ModelingFile, causal_lm: ModelingClass) -> tuple[str, ModelingClass]:
    called = tuple(called_modules(file, causal_lm))
    candidates = [(spelled, cls) for spelled, cls in called if _layer_loops(cls)]
    if not candidates:
        candidates = [(spelled, cls) for spelled, cls in called if _stacks(file, cls)]
    if len(candidates) != 1:
        raise refusal(
            file,
            f"`{causal_lm.name}` must call one model that loops over decoder layers, found {len(candidates)}",
            causal_lm.node.lineno,
            "`self.<model> = <Model>(config)` whose forward has `for <layer> in self.<layers>`",
        )
    return candidates[0]


def _stacks(file: ModelingFile, model: ModelingClass) -> list[tuple[str, ModelingClass]]:
    """The modules a model calls that loop over layers, with the calls' spellings."""
    return [(spelled, cls) for spelled, cls in called_modules(file, model) if _layer_loops(cls)]


def _stack(file: ModelingFile, model: ModelingClass) -> tuple[str, ModelingClass] | None:
    """The one module that a model leaves the loop over its decoder layers to, if it does not loop itself."""
    stacks = [] if _layer_loops(model) else _stacks(file, model)
    if len(stacks) > 1:
        found = ", ".join(cls.name for _, cls in stacks)
        raise refusal(
            file,
            f"`{model.name}` leaves the loop over decoder layers to several modules: {found}",
            model.forward.lineno if model.forward else model.node.lineno,
            "one module that loops over the decoder layers",
        )
    return stacks[0] if stacks else None


def _stack_part(
    file: ModelingFile, model: ModelingClass, called: tuple[str, ModelingClass], loop: _Loop, layer: Part
) -> Part:
    spelled, stack = called
    return Part(
        Role.LAYER_STACK,
        stack,
        (f"`{model.name}` calls it as `{spelled}`", f"its forward loops over `{loop.iterable}`"),
        (spelled,),
        _passed_cache(file, stack, {loop.variable: layer}),
    )


class _Loop:
    """The loop over decoder layers: `for variable in iterable`, over `self.<attribute>`."""

    def __init__(self, variable: str, iterable: str, attribute: str) -> None:
        self.variable = variable
        self.iterable = iterable
        self.attribute = attribute


def _layer_loops(cls: ModelingClass) -> list[_Loop]:
    loops = []
    for node in ast.walk(cls.forward) if cls.forward else ():
        if not isinstance(node, ast.For):
            continue
        attributes = [
            attribute
            for child in ast.walk(node.iter)
            if isinstance(child, ast.Attribute) and (attribute := self_attribute(child)) in cls.built
            if attribute is not None and cls.built[attribute]
        ]
        targets = [child.id for child in ast.walk(node.target) if isinstance(child, ast.Name)]
        called = [name for name in targets if any(ast.unparse(call.func) == name for call in _calls(node))]
        if len(attributes) == 1 and len(called) == 1:
            loops.append(_Loop(called[0], ast.unparse(node.iter), attributes[0]))
    return loops


def _decoder_layer(file: ModelingFile, model: ModelingClass) -> tuple[_Loop, ModelingClass]:
    loops = _layer_loops(model)
    if len(loops) != 1:
        raise refusal(
            file,
            f"`{model.name}.forward` must loop once over its decoder layers, found {len(loops)} loops",
            model.forward.lineno if model.forward else model.node.lineno,
            "`for <layer> in self.<layers>` over an nn.ModuleList of one kind of layer",
        )
    names = model.built[loops[0].attribute]
    if len(names) != 1:
        raise refusal(
            file,
            f"`{model.name}` builds several kinds of decoder layer: {', '.join(names)}",
            model.node.lineno,
            "one class of decoder layer in the nn.ModuleList",
        )
    return loops[0], file.classes[names[0]]


def _layer_part(file: ModelingFile, layer: ModelingClass, loop: _Loop, attentions: tuple[Part, ...]) -> Part:
    if layer.forward is None:
        raise refusal(file, f"`{layer.name}` has no forward of its own", layer.node.lineno, "def forward(self, ...)")
    callees = {spelled: part for part in attentions for spelled in part.called_as}
    return Part(
        Role.DECODER_LAYER,
        layer,
        (
            f"the loop `for {loop.variable} in {loop.iterable}` calls it",
            f"it builds the attention `{', '.join(part.name for part in attentions)}`",
        ),
        (loop.variable,),
        _passed_cache(file, layer, callees),
    )


# -- attention -----------------------------------------------------------------------------------------------------


def _attentions(file: ModelingFile, layer: ModelingClass) -> tuple[Part, ...]:
    parts: dict[str, Part] = {}
    for attribute, names in layer.built.items():
        for name in names:
            cls = file.classes[name]
            update = cache_update(cls)
            if update is None or cls.forward is None:
                continue
            spelled = _spellings(layer, attribute)
            known = parts.get(name)
            because = known.because if known else (f"its forward calls `{ast.unparse(update)}`",)
            called_as = (*(known.called_as if known else ()), *spelled)
            cache = known.cache_parameter if known else _received_cache(file, cls, update)
            alternatives = _alternatives(file, layer, cls)
            parts[name] = Part(
                Role.ATTENTION,
                cls,
                (*because, f"`{layer.name}` builds it as `self.{attribute}`"),
                called_as,
                cache,
                alternatives,
            )
    if not parts:
        raise refusal(
            file,
            f"no attention of `{layer.name}` updates a KV cache",
            layer.node.lineno,
            "`<key>, <value> = <cache>.update(<key>, <value>, self.layer_idx)` in the forward of one of its modules",
        )
    spellings = [spelled for part in parts.values() for spelled in part.called_as]
    shared = next((spelled for spelled in spellings if spellings.count(spelled) > 1), None)
    if shared is not None:
        raise refusal(
            file,
            f"`{shared}` of `{layer.name}` may be one of several attentions: {', '.join(parts)}",
            layer.node.lineno,
            "one attention class for each attribute of the decoder layer",
        )
    return tuple(parts.values())


def _spellings(builder: ModelingClass, attribute: str) -> tuple[str, ...]:
    """How a class calls what it built as an attribute: by number where that is a list, else by its name."""
    numbered = {
        ast.unparse(call.func)
        for call in _calls(builder.forward)
        if isinstance(call.func, ast.Subscript)
        and self_attribute(call.func.value) == attribute
        and isinstance(call.func.slice, ast.Constant)
    }
    return tuple(sorted(numbered)) or (f"self.{attribute}",)


def _wrapper(file: ModelingFile, layer: ModelingClass) -> tuple[tuple[str, ...], str] | None:
    """Attributes and class of the one module that stands between a decoder layer and its attention, if one does."""
    built = [(attribute, name) for attribute, names in layer.built.items() for name in names]
    if any(cache_update(file.classes[name]) for _, name in built):
        return None
    between = [
        (attribute, name)
        for attribute, name in built
        for inner in {inner for names in file.classes[name].built.values() for inner in names}
        if cache_update(file.classes[inner]) and file.classes[name].forward is not None
    ]
    names = {name for _, name in between}
    return (tuple(attribute for attribute, _ in between), names.pop()) if len(names) == 1 else None


def _wrapper_part(
    file: ModelingFile, layer: ModelingClass, attributes: tuple[str, ...], name: str, attentions: tuple[Part, ...]
) -> Part:
    callees = {spelled: part for part in attentions for spelled in part.called_as}
    return Part(
        Role.ATTENTION_WRAPPER,
        file.classes[name],
        (
            f"`{layer.name}` builds it as {', '.join(f'`self.{attribute}`' for attribute in attributes)}",
            f"it builds the attention `{', '.join(part.name for part in attentions)}`",
        ),
        tuple(spelled for attribute in attributes for spelled in _spellings(layer, attribute)),
        _passed_cache(file, file.classes[name], callees),
    )


def _alternatives(file: ModelingFile, builder: ModelingClass, cls: ModelingClass) -> tuple[str, ...]:
    """Other implementations of an attention; each must be the same module with another forward."""
    names = builder.alternatives.get(cls.name, ())
    for name in names:
        if file.classes[name].bases != (cls.name,):
            raise refusal(
                file,
                f"`{name}` may stand in for `{cls.name}` and is not a subclass of it",
                file.classes[name].node.lineno,
                f"`class {name}({cls.name})`, the same weights with another forward",
            )
    return names


def cache_update(cls: ModelingClass) -> ast.Call | None:
    """The first `<cache>.update(<key>, <value>, self.<layer index>, ...)` of the class, if there is one."""
    for method in cls.methods.values():
        for call in _calls(method):
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "update" or len(call.args) < 3:
                continue
            if (self_attribute(call.args[2]) or "").startswith("layer_i"):
                return call
    return None


def _received_cache(file: ModelingFile, cls: ModelingClass, update: ast.Call) -> str:
    """The parameter of forward that the updated cache comes from, through at most one local alias."""
    assert isinstance(update.func, ast.Attribute) and cls.forward is not None
    receiver = ast.unparse(update.func.value)
    names = {item.arg for item in (*cls.forward.args.args, *cls.forward.args.kwonlyargs)}
    if receiver in names:
        return receiver
    for statement in ast.walk(cls.forward):
        if isinstance(statement, ast.Assign) and receiver in {ast.unparse(target) for target in statement.targets}:
            if isinstance(statement.value, ast.Name) and statement.value.id in names:
                return statement.value.id
    raise refusal(
        file,
        f"`{receiver}` in `{cls.name}.forward` is not the KV cache that came in as a parameter",
        update.lineno,
        "`<cache>.update(...)` where <cache> is a parameter of forward",
    )


def _passed_cache(file: ModelingFile, caller: ModelingClass, callees: dict[str, Part]) -> str:
    """What `caller.forward` calls the cache it hands on; it must be a plain name."""
    for call in _calls(caller.forward):
        part = callees.get(ast.unparse(call.func))
        if part is None:
            continue
        value = bind(call, part.forward).get(part.cache_parameter)
        # `<cache> if use_cache else None`
        value = value.body if isinstance(value, ast.IfExp) else value
        for child in ast.walk(value) if value is not None else ():
            if isinstance(child, ast.Name):
                return child.id
    line = caller.forward.lineno if caller.forward else caller.node.lineno
    spelled = " or ".join(f"`{name}(...)`" for name in callees)
    raise refusal(
        file,
        f"`{caller.name}.forward` does not hand the KV cache on",
        line,
        f"a call of {spelled} that passes the cache",
    )


# -- walking -------------------------------------------------------------------------------------------------------


def _calls(node: ast.AST | None) -> Iterator[ast.Call]:
    for child in ast.walk(node) if node is not None else ():
        if isinstance(child, ast.Call):
            yield child


def _reachable(file: ModelingFile, start: ModelingClass) -> Iterator[str]:
    """Names of the classes that `start` builds, directly or not, itself first."""
    pending, seen = [start.name], set()
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        yield name
        for names in file.classes[name].built.values():
            pending.extend(names)
