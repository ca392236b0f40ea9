"""Recognise the roles of a modeling file by following the call path from the causal LM inwards.

Each step looks at structure: what a class builds, what its forward calls, where the KV cache is updated. Names decide
nothing, so a file whose classes are called otherwise is understood all the same. A step that finds no answer, or
more than one where one is needed, refuses and says what it looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from qeff_codegen.anatomy.adapters import find_adapters
from qeff_codegen.anatomy.anatomy import Anatomy, Norm, Part
from qeff_codegen.anatomy.attention_functions import find_attention_functions
from qeff_codegen.anatomy.attentions import find_attentions, find_wrapper, wrapper_part
from qeff_codegen.anatomy.caches import passed_cache
from qeff_codegen.anatomy.causal_lm import find_causal_lm, why_causal_lm
from qeff_codegen.anatomy.decoder_layers import (
    Loop,
    find_decoder_layers,
    find_model,
    find_stack,
    layer_part,
    stack_part,
)
from qeff_codegen.anatomy.dense_experts import find_dense_experts
from qeff_codegen.anatomy.embeddings import find_embeddings
from qeff_codegen.anatomy.experts import find_experts
from qeff_codegen.anatomy.experts_in_list import find_experts_in_lists
from qeff_codegen.anatomy.known_gaps import refuse_known_gaps
from qeff_codegen.anatomy.listed_experts import find_listed_experts
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.rms_norm import NormKind, recognise_rms_norm, weight_is_read
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.rotary import find_rotary_embeddings
from qeff_codegen.anatomy.side_by_side import called_by_others, in_order, refuse_other_calls
from qeff_codegen.anatomy.sorted_experts import find_sorted_experts
from qeff_codegen.anatomy.state_mixers import find_inner_mixers, find_state_mixers, refuse_states_elsewhere


def recognise(file: ModelingFile) -> Anatomy:
    """Find every role of the decoder in `file`.

    Raises:
        Refusal: a role on the call path cannot be found, with the place where the search ended.
    """
    causal_lm = find_causal_lm(file)
    refuse_known_gaps(file, causal_lm)
    return anatomy_of(file, causal_lm)


def anatomy_of(file: ModelingFile, causal_lm: ModelingClass) -> Anatomy:
    """Every role of the decoder, whatever gaps there are: of a file with one, what rules make is not right.

    Raises:
        Refusal: a role on the call path cannot be found, with the place where the search ended.
    """
    path, model = _call_path(file, causal_lm)
    reachable = tuple(reachable_from(file, causal_lm))
    functions, mask_parameters = find_attention_functions(
        file, tuple(part for part in path if part.role is Role.ATTENTION)
    )
    norms = tuple(norms_among(file, reachable))
    experts = (
        *find_experts(file, reachable),
        *find_listed_experts(file, reachable),
        *find_experts_in_lists(file, reachable),
        *find_sorted_experts(file, reachable),
        *find_dense_experts(file, reachable),
        *find_adapters(file, reachable),
    )
    rotary = find_rotary_embeddings(file, reachable)
    embeddings = find_embeddings(file, model)
    return Anatomy(file, path, embeddings, rotary, experts, norms, functions, mask_parameters, reachable)


def norms_among(file: ModelingFile, reachable: tuple[str, ...]) -> Iterator[Norm]:
    """The norms that an operator computes from their attributes as they are; it adds the 1 to a weight for good."""
    others = [file.classes[name] for name in reachable]
    for cls in others:
        kind = recognise_rms_norm(cls, file.set_from_outside)
        if kind is NormKind.PLAIN or (kind is NormKind.ONE_PLUS and not weight_is_read(cls, others)):
            yield Norm(cls, kind)


def _call_path(file: ModelingFile, causal_lm: ModelingClass) -> tuple[tuple[Part, ...], ModelingClass]:
    """The parts that the cache travels along, causal LM first, and the model among them."""
    called_as, model = find_model(file, causal_lm)
    stack = find_stack(file, model)
    loop, classes = find_decoder_layers(file, stack[1] if stack else model)
    found = [_layer_path(file, layer, loop) for layer in classes]
    layers = called_by_others(tuple(path[0] for path in found))
    refuse_other_calls(file, layers)
    stacks: tuple[Part, ...] = (stack_part(file, model, stack, loop, layers[0]),) if stack else ()
    calls = " and ".join(f"`{item}`" for item in stack[0]) if stack else ""
    looped = f"its forward calls {calls}" if stack else f"its forward loops over `{loop.iterable}`"
    model_part = Part(
        Role.MODEL,
        model,
        (f"`{causal_lm.name}` calls it as `{called_as}`", looped),
        (called_as,),
        passed_cache(file, model, dict.fromkeys(stack[0], stacks[0]) if stack else {loop.variable: layers[0]}),
    )
    cache = passed_cache(file, causal_lm, {called_as: model_part})
    causal_lm_part = Part(Role.CAUSAL_LM, causal_lm, why_causal_lm(file, causal_lm), (), cache)
    inside = in_order(part for path in found for part in path[1:])
    refuse_states_elsewhere(file, causal_lm, inside)
    return (causal_lm_part, model_part, *stacks, *layers, *inside), model


def _layer_path(file: ModelingFile, layer: ModelingClass, loop: Loop) -> tuple[Part, ...]:
    """A decoder layer, the module around its attention if there is one, its attentions, and all state mixers.

    Raises:
        Refusal: the layer has neither attention nor state mixer, or does not hand the cache on.
    """
    wrapper = find_wrapper(file, layer)
    attentions = find_attentions(file, file.classes[wrapper[1]] if wrapper else layer)
    wrappers = (wrapper_part(file, layer, *wrapper, attentions),) if wrapper else ()
    mixers = find_state_mixers(file, layer)
    if not attentions and not mixers:
        raise refusal(
            file,
            f"no attention of `{layer.name}` updates a KV cache",
            layer.node.lineno,
            "`<key>, <value> = <cache>.update(<key>, <value>, self.layer_idx)` in the forward of one of its modules",
        )
    refuse_other_calls(file, (*(wrappers or attentions), *mixers))
    inside = tuple(mixer for part in (*attentions, *mixers) for mixer in find_inner_mixers(file, part.cls))
    called = (*(wrappers or attentions), *mixers)
    return (layer_part(file, layer, loop, called), *wrappers, *attentions, *mixers, *inside)


def reachable_from(file: ModelingFile, start: ModelingClass) -> Iterator[str]:
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
