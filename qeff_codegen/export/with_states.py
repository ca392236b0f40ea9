"""What a model that keeps states or takes images does not allow, and what one without keys has no use for."""

from __future__ import annotations

from collections.abc import Sequence

from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import ExportSpec, LayerShapes, has_context, states_of
from qeff_codegen.runtime.states import LONGEST_CALL


def check_spec(layers: Sequence[LayerShapes], spec: ExportSpec) -> None:
    """Makes sure that a graph of these layers can be what `spec` asks for.

    Raises:
        UsageError: naming what it asks for.
    """
    if spec.is_tlm:
        check_drafts(layers)
    asked = {"drafts": spec.is_tlm, "a sampler": spec.sampler is not None, "the dynamo exporter": spec.dynamo}
    wanted = [name for name, is_asked in asked.items() if is_asked and spec.images]
    if wanted:
        raise UsageError(
            f"A graph that takes images is exported without {' and '.join(wanted)}: what the two give together was "
            "not compared. Leave it out."
        )
    if spec.pixels is not None and spec.continuous_batching:
        raise UsageError(
            "One program for images and text has no continuous batching: its calls of one token would need the pixels "
            "of every row. Leave out the one, or make two programs."
        )
    if spec.compute_context_length and not has_context(layers):
        raise UsageError(
            "comp_ctx_lengths are how much of the context attention reads, and no layer of this model has attention: "
            f"it keeps {_listed(layers)}, which are read as a whole. Leave them out."
        )


def check_drafts(layers: Sequence[LayerShapes]) -> None:
    """Makes sure that tokens can be taken back, as speculative decoding does with a draft's wrong ones.

    Raises:
        UsageError: the model keeps states.
    """
    if states_of(layers):
        raise UsageError(
            "Speculative decoding (num_speculative_tokens, num_logits_to_keep) takes a draft's wrong tokens back, and "
            f"this model keeps {_listed(layers)}, from which no token can be taken. Decode without drafts."
        )


def check_call_length(layers: Sequence[LayerShapes], prefill_seq_len: int) -> None:
    """Makes sure that a state can take a prefill chunk.

    Raises:
        UsageError: it is too long.
    """
    if states_of(layers) and prefill_seq_len > LONGEST_CALL:
        raise UsageError(
            f"prefill_seq_len is {prefill_seq_len}, and this model keeps {_listed(layers)}, for which a call has at "
            f"most {LONGEST_CALL} tokens. Lower prefill_seq_len: longer prompts come in chunks."
        )


def _listed(layers: Sequence[LayerShapes]) -> str:
    return " and ".join(f"{name}s" for name in states_of(layers))
