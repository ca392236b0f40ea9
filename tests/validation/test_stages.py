"""Right models pass every scenario; each kind of wrong model is caught, and its place is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import numpy_helper
from transformers.models.mistral import modeling_mistral as mistral

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.errors import UsageError
from qeff_codegen.export.exported_graph import GRAPH_FILE
from qeff_codegen.runtime.customop import CustomRMSNormAIC
from qeff_codegen.runtime.pytorch_transforms import ModuleMappingTransform
from qeff_codegen.validation import stages
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.replay import NO_OUTPUT, find_output
from qeff_codegen.validation.results import ScenarioFinished, ScenarioResult, StageStarted
from qeff_codegen.validation.stages import run_stages
from qeff_codegen.validation.subjects import Subject
from tests.runtime import handwritten_llama as handwritten
from tests.validation.conftest import MistralTransform


def results_of(subject: Subject, *transforms: type[Any]) -> dict[str, ScenarioResult]:
    events = list(run_stages(subject, OwnRuntime(GeneratedTransforms(transforms))))
    return {event.row.scenario: event.result for event in events if isinstance(event, ScenarioFinished)}


def statuses(result: ScenarioResult) -> list[str]:
    return [stage.status for stage in result.stages]


def mapping(**replaced: type[Any]) -> type[ModuleMappingTransform]:
    """`MistralTransform` with some replacements exchanged, by upstream's class name."""
    entries = {
        source: replaced.get(source.__name__, target) for source, target in MistralTransform._module_mapping.items()
    }
    return type("BrokenTransform", (ModuleMappingTransform,), {"_module_mapping": entries})


def test_a_right_model_is_equal_in_every_scenario(base_subject: Subject, window_subject: Subject) -> None:
    results = results_of(base_subject, MistralTransform) | results_of(window_subject, MistralTransform)
    assert list(results) == [
        "ragged batch",
        "chunked prefill",
        "end of context",
        "continuous batching",
        "window < context",
    ]
    for result in results.values():
        assert statuses(result) == ["reference", "equal", "equal", "preflight passed, not run on hardware"]
        assert result.stages[3].detail == "qaic-compile was not found, so nothing was compiled."
        assert result.passed and result.equal
        for stage in result.stages[1:3]:
            assert stage.max_difference is not None and result.tolerance is not None
            # The source of the figure in RELATIVE_TOLERANCE's comment.
            assert 0 < stage.max_difference < result.tolerance / 10


def test_stages_are_announced_before_they_run(window_subject: Subject) -> None:
    events = list(run_stages(window_subject, OwnRuntime(GeneratedTransforms((MistralTransform,)))))
    assert [event.stage if isinstance(event, StageStarted) else "done" for event in events] == [2, 3, 4, "done"]


class ShiftedPositions(handwritten.QEffLlamaModel):
    """Every token one position further than it is."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        positions = kwargs["position_ids"]
        shifted = torch.where(positions < 0, positions, positions + 1)
        return super().forward(*args, **kwargs | {"position_ids": shifted})


class NoWindow(handwritten.QEffLlamaModel):
    """The window forgotten."""

    def __qeff_init__(self) -> None:
        self.config.sliding_window = None


class OnePlusWeight(CustomRMSNormAIC):
    """Gemma's `1 + weight` where upstream has `weight`."""

    def __qeff_init__(self) -> None:
        with torch.no_grad():
            self.weight.add_(1.0)


class KeysAsValues(handwritten.QEffLlamaAttention):
    """Keys and values exchanged."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        self.k_proj, self.v_proj = self.v_proj, self.k_proj
        try:
            return super().forward(*args, **kwargs)
        finally:
            self.k_proj, self.v_proj = self.v_proj, self.k_proj


def difference(subject: Subject, scenario: str, transform: type[Any]) -> str:
    result = results_of(subject, transform)[scenario]
    assert statuses(result) == ["reference", "different", "not run", "not run"]
    assert not result.passed
    return result.stages[1].detail


def test_shifted_positions_are_caught(base_subject: Subject) -> None:
    detail = difference(base_subject, "ragged batch", mapping(MistralModel=ShiftedPositions))
    assert "first different: model.rotary_emb (MistralRotaryEmbedding), at step 0, prompt 0, position 0" in detail


def test_a_dropped_window_is_caught(window_subject: Subject) -> None:
    detail = difference(window_subject, "window < context", mapping(MistralModel=NoWindow))
    assert "first different: model.layers.0.self_attn (MistralAttention), at step 0, prompt 0, position 6" in detail


@pytest.mark.parametrize("scenario", ["ragged batch", "chunked prefill", "end of context", "continuous batching"])
def test_a_wrong_norm_is_caught(base_subject: Subject, scenario: str) -> None:
    detail = difference(base_subject, scenario, mapping(MistralRMSNorm=OnePlusWeight))
    assert "first different: model.layers.0.input_layernorm (MistralRMSNorm), at step 0, prompt 0" in detail


def test_a_wrong_attention_is_caught_where_it_is_and_not_in_its_projection(base_subject: Subject) -> None:
    detail = difference(base_subject, "chunked prefill", mapping(MistralAttention=KeysAsValues))
    assert "first different: model.layers.0.self_attn (MistralAttention)" in detail


class LateMistake(handwritten.QEffLlamaAttention):
    """Right for the first eight positions."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output, cache = super().forward(*args, **kwargs)
        late = (kwargs["position_ids"] >= 8).unsqueeze(-1)
        return torch.where(late, 1.5 * output, output), cache


def test_the_position_and_step_of_a_late_mistake_are_named(base_subject: Subject) -> None:
    results = results_of(base_subject, mapping(MistralAttention=LateMistake))
    detail = results["continuous batching"].stages[1].detail
    assert "layers.0.self_attn (MistralAttention), at step 0, prompt 1, position 8" in detail
    detail = results["end of context"].stages[1].detail
    assert "layers.0.self_attn (MistralAttention), at step 0, prompt 0, position 8" in detail


class OnlyThisChunk(handwritten.QEffLlamaAttention):
    """Forgets earlier calls while prefilling."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        positions, mask = kwargs["position_ids"], kwargs["attention_mask"]
        if positions.shape[1] > 1:
            before = torch.arange(mask.shape[-1]) < positions[:, :1]
            kwargs["attention_mask"] = mask | before[:, None, None, :]
        return super().forward(*args, **kwargs)


class HiddenLastSlot(handwritten.QEffLlamaAttention):
    """Never reads the cache's last slot."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        mask = kwargs["attention_mask"].clone()
        mask[..., -1] = True
        return super().forward(*args, **kwargs | {"attention_mask": mask})


class ExchangedRows(handwritten.QEffLlamaAttention):
    """Takes cache rows in the wrong order."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("batch_index") is not None:
            kwargs["batch_index"] = kwargs["batch_index"].flip(0)
        return super().forward(*args, **kwargs)


@pytest.mark.parametrize(
    ("attention", "caught_by"),
    [
        (OnlyThisChunk, ["chunked prefill", "end of context", "continuous batching"]),
        (HiddenLastSlot, ["end of context"]),
        (ExchangedRows, ["continuous batching"]),
    ],
    ids=["only this chunk", "hidden last slot", "exchanged rows"],
)
def test_each_scenario_catches_what_others_cannot(
    base_subject: Subject, attention: type[Any], caught_by: list[str]
) -> None:
    results = results_of(base_subject, mapping(MistralAttention=attention))
    assert [name for name, result in results.items() if result.stages[1].status == "different"] == caught_by
    for name in caught_by:
        assert "layers.0.self_attn (MistralAttention)" in results[name].stages[1].detail


def test_a_difference_is_reported_even_if_its_place_cannot_be_found(
    window_subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_arguments: Any) -> str:
        raise IndexError("lost")

    monkeypatch.setattr(stages, "find_module", lost)
    (result,) = results_of(window_subject, mapping(MistralModel=NoWindow)).values()
    assert statuses(result)[1] == "different"
    assert "logits differ by" in result.stages[1].detail
    assert "the place could not be found: IndexError: lost" in result.stages[1].detail


class Unwell(handwritten.QEffLlamaAttention):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("shapes do not match")


def test_an_exception_in_generated_code_is_a_failed_stage(window_subject: Subject) -> None:
    (result,) = results_of(window_subject, mapping(MistralAttention=Unwell)).values()
    assert statuses(result) == ["reference", "failed", "not run", "not run"]
    assert result.stages[1].detail.startswith("RuntimeError: shapes do not match\nat test_stages.py:")
    assert not result.passed


class EmptyTransform(ModuleMappingTransform):
    _module_mapping = {}


def test_a_mapping_without_the_causal_lm_validates_nothing(window_subject: Subject) -> None:
    (result,) = results_of(window_subject, EmptyTransform).values()
    assert statuses(result)[1] == "failed"
    # Meant for the user, so it stands without its type and the line of ours that raised it.
    assert result.stages[1].detail.startswith("The generated mapping has no entry for MistralForCausalLM")
    assert "stages.py" not in result.stages[1].detail
    with pytest.raises(UsageError, match="generate the model again"):
        GeneratedTransforms((EmptyTransform,)).apply(mistral.MistralForCausalLM(window_subject.model.config))


@pytest.mark.parametrize("scenario_index", [1, 3], ids=["chunked prefill", "continuous batching"])
def test_a_wrong_graph_is_traced_to_its_first_wrong_output(
    base_subject: Subject, tmp_path: Path, scenario_index: int
) -> None:
    scenario = base_subject.scenarios[scenario_index]
    bench = OwnRuntime(GeneratedTransforms((MistralTransform,))).bench(base_subject, tmp_path)
    assert find_output(bench, scenario) == NO_OUTPUT

    (path,) = tmp_path.rglob(GRAPH_FILE)
    graph = onnx.load(path)
    value_projection = base_subject.model.model.layers[1].self_attn.v_proj.weight.detach().T.numpy()
    tampered = 0
    for initializer in graph.graph.initializer:
        array = numpy_helper.to_array(initializer)
        if array.shape == value_projection.shape and (array == value_projection).all():
            initializer.CopyFrom(numpy_helper.from_array(array * 1.01, initializer.name))
            tampered += 1
    assert tampered == 1
    onnx.save(graph, path)
    finding = find_output(bench, scenario)
    assert finding.startswith("first different: past_value.1_RetainedState, at step 0, prompt 0, position 0 ")
