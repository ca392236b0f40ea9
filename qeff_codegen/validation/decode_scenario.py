"""Running a scenario on any decoder."""

from __future__ import annotations

from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.generation import generate
from qeff_codegen.validation.comparison import Trace
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.split_calls import SplitCalls


def decode_greedily(decoder: Decoder, scenario: Scenario) -> Trace:
    """The logits of every generated token, from a decoder whose cache is empty."""
    if scenario.split_after is not None:
        decoder = SplitCalls(decoder, scenario.split_after)
    if scenario.full_batch_size is None:
        generation = generate(
            decoder.run,
            scenario.prompts,
            prefill_seq_len=scenario.prefill_seq_len,
            ctx_len=scenario.ctx_len,
            max_new_tokens=max(scenario.new_tokens),
            long_context=scenario.long_context,
            together=scenario.together,
        )
    else:
        generation = generate_continuously(
            decoder.run,
            scenario.prompts,
            full_batch_size=scenario.full_batch_size,
            prefill_seq_len=scenario.prefill_seq_len,
            ctx_len=scenario.ctx_len,
            max_new_tokens=scenario.new_tokens,
            long_context=scenario.long_context,
            together=scenario.together,
        )
    return Trace(
        tuple(generation.logits[:new_tokens, prompt] for prompt, new_tokens in enumerate(scenario.new_tokens))
    )
