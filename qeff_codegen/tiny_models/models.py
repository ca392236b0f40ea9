"""Tiny models whose outputs depend on everything: context, positions, every weight.

Default initialisation hides mistakes: norm weights are 1 and biases 0, so a lost multiplication or addition changes
nothing; logits lie close together; attention is nearly uniform, and in some families adds next to nothing. Here
every parameter and persistent buffer is drawn from a seeded generator, matrices at six times the usual 0.02.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

# Six times the usual initializer_range: large enough that attention decides the next token, small enough that
# every family tried stays finite in float32.
MATRIX_STD = 0.12
# Token embeddings and head (which may be one tensor): logits get a standard deviation of a few units, so that
# the gap between the best two tokens is typically hundreds of times the tolerance.
EMBEDDING_STD = 0.4
# Added to norm weights and biases, whose initial 1 and 0 would hide a lost multiplication or addition.
VECTOR_STD = 0.25


def build_tiny_model(causal_lm_class: type[Any], config: Any, seed: int) -> Any:
    """An upstream causal LM in float32 eval mode, every parameter and persistent buffer randomised from `seed`."""
    # What is drawn while the model is made stays in its vectors, and who draws next must not notice.
    with torch.random.fork_rng(devices=[]), _nothing_left_unset():
        torch.manual_seed(seed)
        # Upstream fills in the configuration it is given; each model gets its own.
        model = _in_float32(causal_lm_class(copy.deepcopy(config))).eval()
    randomise(model, seed)
    return model


def _in_float32(model: Any) -> Any:
    """A model with all real numbers in float32, in place; `Module.to` would make real ones of complex tables too."""
    return model._apply(lambda tensor: tensor.to(torch.float32) if tensor.is_floating_point() else tensor)


@contextmanager
def _nothing_left_unset() -> Iterator[None]:
    """Fill new tensors with NaN: one that a checkpoint sets, and nothing else, would hold whatever the memory did."""
    enabled, warns = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)


def randomise(model: nn.Module, seed: int) -> None:
    """Redraw all parameters and persistent floating-point buffers of `model`, in place.

    Non-persistent buffers are left alone: rotary frequencies and masks are computed from the configuration, and a
    checkpoint cannot change them. So are tables that upstream computes and yet saves: one follows from another, as
    the decays of a block's rows do from a head's slope, and drawn apart they would contradict each other.
    """
    generator = torch.Generator().manual_seed(seed)
    embeddings = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters(recurse=False)
    }
    head = getattr(model, "lm_head", None)
    if isinstance(head, nn.Module):
        embeddings |= {id(parameter) for parameter in head.parameters() if parameter.ndim >= 2}
    parameters = dict(model.named_parameters())
    persistent = {
        name: value
        for name, value in model.state_dict(keep_vars=True).items()
        if name not in parameters and value.is_floating_point() and not isinstance(value, nn.Parameter)
        if value.ndim < 2 or value.min() == value.max()
    }
    with torch.no_grad():
        for value in [*parameters.values(), *persistent.values()]:
            noise = torch.randn(value.shape, generator=generator)
            if value.ndim < 2:
                # Bounds that keep everything until a checkpoint sets them are infinite; these keep out what is large.
                value.nan_to_num_(posinf=1.0, neginf=-1.0).add_(VECTOR_STD * noise)
            else:
                value.copy_((EMBEDDING_STD if id(value) in embeddings else MATRIX_STD) * noise)


def keeps_states(config: Any) -> bool:
    """Whether upstream's cache of such a model has layers for more than keys and values."""
    return any(hasattr(layer, "recurrent_states") for layer in DynamicCache(config=config).layers)


def random_tokens(length: int, vocab_size: int, seed: int) -> tuple[int, ...]:
    """`length` token ids below `vocab_size`, drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(0, vocab_size, (length,), generator=generator).tolist())


def context_sensitivity(model: Any, length: int, seed: int = 0) -> float:
    """How far one early token reaches: the change in the last logits, in units of their standard deviation.

    Args:
        model: an upstream causal LM.
        length: prompt length; the token changed is the first of it.
        seed: for the prompt.

    Returns:
        max |difference| of the last token's logits / their standard deviation. Near zero means a model that a
        broken attention mask could pass.
    """
    vocab_size = model.config.vocab_size
    prompt = torch.tensor([random_tokens(length, vocab_size, seed)])
    changed = prompt.clone()
    changed[0, 0] = (changed[0, 0] + vocab_size // 2) % vocab_size
    with torch.no_grad():
        before = model(input_ids=prompt, use_cache=False).logits[0, -1]
        after = model(input_ids=changed, use_cache=False).logits[0, -1]
    return float((before - after).abs().max() / before.std())
