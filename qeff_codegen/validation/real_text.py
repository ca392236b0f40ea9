"""Real prompts through real weights, so that a reader sees the same English text from every stage."""

from __future__ import annotations

from qeff_codegen.decoding.text import prompt_tokens
from qeff_codegen.deploy.packaged_weights import PackagedWeights, fetch, load
from qeff_codegen.validation.comparison import distinguishes
from qeff_codegen.validation.reference import reference_trace
from qeff_codegen.validation.results import Row
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import UNCLEAR_CHOICE, Subject

# With SmolLM2's chat template these are 35 to 38 tokens: every prompt takes two calls, the second mostly padding.
# Its greedy choices are clear in all of them: the two best logits are never closer than 0.011 (tolerance: 0.0006).
PROMPTS = (
    "What is the capital of France?",
    "Name three primary colours.",
    "Write a short poem about the sea.",
)
PREFILL_SEQ_LEN = 32
CTX_LEN = 128
NEW_TOKENS = 24
SCENARIO_NAME = "English prompts"


def real_rows(weights: PackagedWeights) -> list[Row]:
    """The report's lines for these weights."""
    return [Row(weights.model_type, weights.name, SCENARIO_NAME)]


def real_subject(weights: PackagedWeights) -> Subject:
    """The checkpoint, fetched and loaded, with its answers to `PROMPTS`."""
    model, tokenizer = load(fetch(weights))
    scenario = Scenario(
        name=SCENARIO_NAME,
        prompts=tuple(tuple(prompt_tokens(tokenizer, prompt)) for prompt in PROMPTS),
        prefill_seq_len=PREFILL_SEQ_LEN,
        ctx_len=CTX_LEN,
        new_tokens=(NEW_TOKENS,) * len(PROMPTS),
    )

    def decode(token_ids: list[int]) -> str:
        end = model.config.eos_token_id
        until_end = token_ids[: token_ids.index(end)] if end in token_ids else token_ids
        return str(tokenizer.decode(until_end, skip_special_tokens=True))

    reference = reference_trace(model, scenario)
    notes = () if distinguishes(reference) else (f"{weights.model_type}, {weights.name}: {UNCLEAR_CHOICE}.",)
    return Subject(
        model_name=weights.model_type,
        variant=weights.name,
        model=model,
        scenarios=(scenario,),
        references=(reference,),
        notes=notes,
        decode=decode,
        prompts=PROMPTS,
    )
