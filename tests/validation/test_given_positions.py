"""Which positions upstream's model is given: those of `generate()`, where it would count others itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.validation.reference import positions_matter, reference_trace
from qeff_codegen.validation.scenarios import Scenario

PROMPT, NEW_TOKENS = (5, 6, 7, 8), 4


def tiny(name: str) -> Any:
    family = find_family(name)
    return build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)


@pytest.mark.parametrize(("name", "counts_otherwise"), [("roberta", True), ("bert", False), ("llama", False)])
def test_the_reference_answers_what_generate_answers(name: str, counts_otherwise: bool) -> None:
    model = tiny(name)
    scenario = Scenario("", prompts=(PROMPT,), prefill_seq_len=4, ctx_len=8, new_tokens=(NEW_TOKENS,))
    trace = reference_trace(model, scenario)
    model.generation_config.pad_token_id = None
    generated = model.generate(
        torch.tensor([PROMPT]),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    np.testing.assert_allclose(trace.logits[0], torch.cat(generated.logits).numpy(), atol=1e-4)
    assert positions_matter(model) is counts_otherwise
    with torch.no_grad():
        counted = model(torch.tensor([PROMPT])).logits[0, -1].numpy()
    assert np.allclose(counted, trace.logits[0][0], atol=1e-2) is not counts_otherwise
