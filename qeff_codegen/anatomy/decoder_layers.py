"""Find the model and the loop over its decoder layers, wherever between the two the loop stands."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.caches import passed_cache
from qeff_codegen.anatomy.called_modules import called_modules
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_mixers import find_state_mixers
from qeff_codegen.codemod.tree import find, spelled


@dataclass(frozen=True)
class Loop:
    """The loop over decoder layers: `for variable in iterable`, over `self.<attribute>`."""

    variable: str
    iterable: str
    attribute: str


def find_model(file: ModelingFile, causal_lm: ModelingClass) -> tuple[str, ModelingClass]:
    """The one module of the causal LM that loops over layers, or has a module that does, and how it is called.

    Raises:
        Refusal: there is none, or several.
    """
    called = tuple(called_modules(file, causal_lm))
    candidates = [(spelling, cls) for spelling, cls in called if layer_loops(cls)]
    if not candidates:
        candidates = [(spelling, cls) for spelling, cls in called if _stacks(file, cls)]
    if len(candidates) != 1:
        raise refusal(
            file,
            f"`{causal_lm.name}` must call one model that loops over decoder layers, found {len(candidates)}",
            causal_lm.node.lineno,
            "`self.<model> = <Model>(config)` whose forward has `for <layer> in self.<layers>`",
        )
    return candidates[0]


def find_stack(file: ModelingFile, model: ModelingClass) -> tuple[tuple[str, ...], ModelingClass] | None:
    """What a model leaves the loop over its decoder layers to, if it does not loop itself: its calls and their class.

    Raises:
        Refusal: there are modules of several classes.
    """
    stacks = [] if layer_loops(model) else _stacks(file, model)
    if len({cls.name for _, cls in stacks}) > 1:
        found = ", ".join(cls.name for _, cls in stacks)
        raise refusal(
            file,
            f"`{model.name}` leaves the loop over decoder layers to several modules: {found}",
            model.forward.lineno if model.forward else model.node.lineno,
            "one module that loops over the decoder layers",
        )
    return (tuple(spelling for spelling, _ in stacks), stacks[0][1]) if stacks else None


def stack_part(
    file: ModelingFile, model: ModelingClass, called: tuple[tuple[str, ...], ModelingClass], loop: Loop, layer: Part
) -> Part:
    """What `find_stack` found, as a part of the call path."""
    spellings, stack = called
    return Part(
        Role.LAYER_STACK,
        stack,
        (
            f"`{model.name}` calls it as {' and '.join(f'`{item}`' for item in spellings)}",
            f"its forward loops over `{loop.iterable}`",
        ),
        spellings,
        passed_cache(file, stack, {loop.variable: layer}),
    )


def find_decoder_layers(file: ModelingFile, model: ModelingClass) -> tuple[Loop, tuple[ModelingClass, ...]]:
    """The loop of a class over its decoder layers, and their classes.

    Several loops that call the same layers in the same words, stretch by stretch or again, count as one.

    Raises:
        Refusal: there are several other loops, or several kinds of layer of which none keeps a state.
    """
    loops = layer_loops(model)
    if len({(loop.variable, loop.attribute) for loop in loops}) != 1:
        raise refusal(
            file,
            f"`{model.name}.forward` must loop once over its decoder layers, found {len(loops)} loops",
            model.forward.lineno if model.forward else model.node.lineno,
            "`for <layer> in self.<layers>` over an nn.ModuleList of one kind of layer",
        )
    names = model.built[loops[0].attribute]
    layers = tuple(file.classes[name] for name in names)
    if len(layers) > 1 and not any(find_state_mixers(file, layer) for layer in layers):
        raise refusal(
            file,
            f"`{model.name}` builds several kinds of decoder layer: {', '.join(names)}",
            model.node.lineno,
            "one class of decoder layer in the nn.ModuleList",
        )
    return loops[0], layers


def layer_part(file: ModelingFile, layer: ModelingClass, loop: Loop, called: tuple[Part, ...]) -> Part:
    """The decoder layer as a part of the call path, given what it calls: attentions, modules around them, mixers.

    Raises:
        Refusal: it has no forward, or does not hand the cache on.
    """
    if layer.forward is None:
        raise refusal(file, f"`{layer.name}` has no forward of its own", layer.node.lineno, "def forward(self, ...)")
    # What keeps its state on itself is handed no cache, which may stand where an attention stands in other layers.
    in_turn = sorted(called, key=lambda part: bool(part.cache_parameter))
    callees = {spelling: part for part in in_turn for spelling in part.called_as}
    return Part(
        Role.DECODER_LAYER,
        layer,
        (
            f"the loop `for {loop.variable} in {loop.iterable}` calls it",
            *_builds("attention", [part.name for part in called if part.role is not Role.STATE_MIXER]),
            *_builds("state mixer", [part.name for part in called if part.role is Role.STATE_MIXER]),
        ),
        (loop.variable,),
        passed_cache(file, layer, callees),
    )


def _builds(kind: str, names: list[str]) -> tuple[str, ...]:
    return (f"it builds the {kind} `{', '.join(names)}`",) if names else ()


def layer_loops(cls: ModelingClass) -> list[Loop]:
    """The loops of a forward over one attribute that holds modules of this file, which call one of their variables."""
    loops = []
    for node in find(ast.For, cls.forward):
        attributes = [
            attribute
            for child in find(ast.Attribute, node.iter)
            if (attribute := self_attribute(child)) is not None and cls.built.get(attribute)
        ]
        calls = {spelled(call.func) for call in find(ast.Call, node)}
        called = [name.id for name in find(ast.Name, node.target) if name.id in calls]
        if len(attributes) == 1 and len(called) == 1:
            loops.append(Loop(called[0], spelled(node.iter), attributes[0]))
    return loops


def _stacks(file: ModelingFile, model: ModelingClass) -> list[tuple[str, ModelingClass]]:
    """The modules a model calls that loop over layers, with the calls' spellings."""
    return [(spelling, cls) for spelling, cls in called_modules(file, model) if layer_loops(cls)]
