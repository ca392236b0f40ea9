"""Models with states in validation: what is asked of upstream, how calls are split, and where stages part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from qeff_codegen.tiny_models.configurations import build_config, variants
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.validation.calls import CallRow
from qeff_codegen.validation.comparison import RELATIVE_TOLERANCE, Trace, rounding_share, tolerance_for
from qeff_codegen.validation.module_outputs import ModuleRecord, recorded
from qeff_codegen.validation.reference import keeps_states, reference_trace
from qeff_codegen.validation.rounding import rounding_of
from qeff_codegen.validation.scenarios import Scenario, scenarios
from qeff_codegen.validation.split_calls import SplitCalls
from qeff_codegen.validation.triage import ModuleTriage, first_different_output


@pytest.fixture(scope="module")
def mamba() -> Any:
    family = find_family("mamba")
    return build_tiny_model(family.causal_lm_class, build_config(family, variants(family)[0]), seed=0)


def test_the_reference_is_the_whole_text(mamba: Any) -> None:
    scenario = Scenario("", prompts=((5, 6, 7), (8,)), prefill_seq_len=2, ctx_len=8, new_tokens=(3, 2))
    trace = reference_trace(mamba, scenario)
    for prompt, tokens, logits in zip(scenario.prompts, trace.tokens, trace.logits, strict=True):
        text = [*prompt, *tokens[:-1]]
        with torch.no_grad():
            whole = mamba(input_ids=torch.tensor([text]), use_cache=False).logits[0].numpy()
        np.testing.assert_allclose(logits, whole[len(prompt) - 1 :], atol=1e-4)
    assert keeps_states(mamba.config)
    assert 0 < trace.rounding < tolerance_for(trace)


def test_the_tolerance_is_upstream_s_own_rounding_where_that_is_larger() -> None:
    logits = (np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32),)
    usual = RELATIVE_TOLERANCE * float(logits[0].std())
    assert tolerance_for(Trace(logits, usual / 2)) == usual
    assert tolerance_for(Trace(logits, usual * 3)) == usual * 3
    assert rounding_share(Trace(logits, usual * 3)) == pytest.approx(3)


def test_what_does_not_run_in_float64_is_allowed_nothing(mamba: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    single = np.zeros((1, mamba.config.vocab_size), dtype=np.float32)
    assert rounding_of(mamba, [1, 2, 3], single) > 0
    monkeypatch.setattr(torch.nn.Module, "double", lambda module: module.half())
    monkeypatch.setattr(torch.nn.Linear, "forward", lambda *_: torch.zeros(2, 2) @ torch.zeros(2, 2).double())
    assert rounding_of(mamba, [1, 2, 3], single) == 0


def test_every_call_of_several_tokens_comes_as_two() -> None:
    seen: list[list[list[int]]] = []

    class Recorder:
        def run(self, input_ids: Any, position_ids: Any, batch_index: Any = None) -> Any:
            assert (input_ids[position_ids >= 0] == position_ids[position_ids >= 0] + 100).all()
            seen.append(position_ids.tolist())
            return position_ids.max(1)[:, None, None].astype(np.float32)

    split = SplitCalls(Recorder(), 2)
    positions = np.array([[4, 5, 6, 7], [0, 1, -1, -1], [-1, -1, -1, -1]])
    answers = split.run(np.where(positions < 0, 0, positions + 100), positions)
    assert seen == [
        [[4, 5, -1, -1], [0, 1, -1, -1], [-1, -1, -1, -1]],
        [[6, 7, -1, -1], [-1, -1, -1, -1], [-1, -1, -1, -1]],
    ]
    assert answers[:, 0, 0].tolist() == [7, 1, -1]
    split.run(np.array([[108]]), np.array([[8]]))
    assert seen[2:] == [[[8]]]


def test_scenarios_for_states_split_calls() -> None:
    assert [scenario.split_after for scenario in scenarios("states", 100, 0)] == [2, 2]
    assert not [scenario for scenario in scenarios("base", 100, 0) if scenario.split_after]


def test_triage_gives_upstream_all_tokens_so_far(mamba: Any) -> None:
    """Upstream's second call of several tokens would start its states from nothing."""
    text = torch.tensor([[3, 4, 5, 6, 7]])
    triage = ModuleTriage(mamba)
    for start, stop in ((0, 3), (3, 5)):
        with torch.no_grad(), recorded(mamba) as records:
            mamba(input_ids=text[:, :stop], use_cache=False)
        theirs = [
            ModuleRecord(
                record.name,
                tuple(tensor[:, start:] for tensor in record.inputs),
                tuple(tensor[:, start:] for tensor in record.outputs),
            )
            for record in records
        ]
        triage.look_at(CallRow(0, 0, 0, 0), text[:, start:stop].numpy(), np.arange(start, stop)[None], theirs)
    assert triage.finding is None


def test_a_state_that_differs_is_named() -> None:
    rng = np.random.default_rng(0)
    expected = {
        "past_key.0_RetainedState": rng.normal(size=(2, 1, 8, 4)),
        "recurrent_state.1_RetainedState": rng.normal(size=(2, 1, 3, 4)),
        "logits": rng.normal(size=(1, 1, 9)),
    }
    got = {name: array.copy() for name, array in expected.items()}
    got["recurrent_state.1_RetainedState"][0] += 1
    call, positions = CallRow(0, 1, 0, 0), np.array([[2, 3, -1]])
    assert first_different_output([call], positions, expected, got) is None, "another row of the cache"
    got["recurrent_state.1_RetainedState"][1, 0, 2, 3] += 0.1
    finding = first_different_output([call], positions, expected, got)
    assert finding is not None and finding.what == "recurrent_state.1_RetainedState" and finding.position == 3
