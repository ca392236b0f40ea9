"""`qaic_config`: how users of QEfficient ask for a graph that samples, and what does not go with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.errors import UsageError
from qeff_codegen.export.sampler_io import MAX_TOP_K_IDS, SamplerSpec

_KNOWN = ("include_sampler", "return_pdfs", "max_top_k_ids")
# What QEfficient takes here too, and where it stands with us.
_ELSEWHERE = {
    "speculative_model_type": "Give compile num_speculative_tokens.",
    "ccl_enabled": "Give compile comp_ctx_lengths_prefill and comp_ctx_lengths_decode.",
    "num_kv_blocks": "Give from_pretrained num_kv_blocks.",
}


def check_qaic_config(qaic_config: Mapping[str, Any]) -> None:
    """Makes sure that every key is known, before anything is loaded.

    Raises:
        UsageError: naming one that is not.
    """
    for name in qaic_config:
        if name not in _KNOWN:
            hint = _ELSEWHERE.get(name, f"Known are {', '.join(_KNOWN)}.")
            raise UsageError(f"qaic_config has `{name}` in it, which is not read here. {hint}")


def sampler_spec(qaic_config: Mapping[str, Any], vocab_size: int) -> SamplerSpec | None:
    """How the graph samples, or None where it gives logits.

    Args:
        qaic_config: `include_sampler`, `return_pdfs` and `max_top_k_ids`, which is 512 or a smaller vocabulary
            unless given.
        vocab_size: tokens that the model knows.

    Raises:
        UsageError: `max_top_k_ids` is no number of tokens that the model has.
    """
    if not qaic_config.get("include_sampler", False):
        return None
    largest = qaic_config.get("max_top_k_ids", min(MAX_TOP_K_IDS, vocab_size))
    if not 1 <= largest <= vocab_size:
        raise UsageError(f"max_top_k_ids is {largest}: it must be between 1 and {vocab_size}, the model's vocabulary.")
    return SamplerSpec(bool(qaic_config.get("return_pdfs", False)), largest)


def check_sampling(options: CompileOptions) -> None:
    """Makes sure that a graph that samples can be used as `options` say.

    Raises:
        UsageError: naming the option that contradicts it.
    """
    if options.num_speculative_tokens is not None:
        raise UsageError(
            f"num_speculative_tokens is {options.num_speculative_tokens} and include_sampler is given: a draft is "
            "checked by logits, which a graph that samples does not give. Give one of them."
        )
    if options.prefill_seq_len == 1:
        raise UsageError(
            "prefill_seq_len is 1 and include_sampler is given: the sampler takes a call of one token for a generated "
            "one, which its penalties count. Raise prefill_seq_len."
        )
