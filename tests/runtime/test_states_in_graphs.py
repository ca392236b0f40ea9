"""States in exported graphs: both exporters, calls of other lengths and batches than the example's."""

from __future__ import annotations

from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from qeff_codegen.runtime.cache_utils import QEffDynamicCache
from qeff_codegen.runtime.constants import ONNX_DYNAMO_EXPORT_OPSET, ONNX_EXPORT_OPSET
from qeff_codegen.runtime.states import causal_conv1d, gated_delta_rule
from tests.runtime.state_cases import CASES, StateCase, assert_near, positions

# The exporter announces its own retirement, and that it traces a length.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::torch.jit.TracerWarning"
)
EXAMPLE = 6
LENGTHS = [1, 2, 7, 40, 300]


class _Function(nn.Module):
    def __init__(self, case: StateCase, names: list[str]) -> None:
        super().__init__()
        self.case, self.names = case, names

    def forward(self, state: torch.Tensor, position_ids: torch.Tensor, *tokens: torch.Tensor) -> Any:
        return self.case.run(dict(zip(self.names, tokens, strict=True)), state, position_ids)


def graph_of(
    module: nn.Module, inputs: dict[str, torch.Tensor], axes: dict[str, dict[int, str]], dynamo: bool, path: Path
) -> ort.InferenceSession:
    """Exports by one of torch's exporters; neither may fix a length or leave an operator that ONNX has not."""
    if dynamo:
        sizes = {"seq_len": torch.export.Dim("seq_len", min=1, max=1024)}
        sizes |= {name: torch.export.Dim(name, min=1) for name in ("batch_size", "rows")}
        dynamic = [{axis: sizes[name] for axis, name in axes.get(each, {}).items()} for each in inputs]
        # What a forward takes as `*tensors` has its shapes in a tuple of its own.
        kinds = [parameter.kind for parameter in signature(module.forward).parameters.values()]
        named = kinds.index(Parameter.VAR_POSITIONAL) if Parameter.VAR_POSITIONAL in kinds else len(kinds)
        shapes = (*dynamic[:named], *([tuple(dynamic[named:])] if named < len(kinds) else []))
        traced = torch.export.export(module, (*inputs.values(),), dynamic_shapes=shapes, strict=False)
        program = torch.onnx.export(
            traced,
            input_names=[*inputs],
            opset_version=ONNX_DYNAMO_EXPORT_OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
        assert program is not None
        program.save(str(path))
    else:
        torch.onnx.export(
            module,
            (*inputs.values(),),
            str(path),
            input_names=[*inputs],
            dynamic_axes=axes,
            opset_version=ONNX_EXPORT_OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert not {node.op_type for node in model.graph.node} & {"Loop", "Scan", "If"}
    return ort.InferenceSession(str(path))


@pytest.fixture(scope="module", params=[False, True], ids=["TorchScript", "torch.export"])
def dynamo(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_graph_takes_calls_of_any_length(case: StateCase, dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    example = case.tokens(2, EXAMPLE)
    inputs = {"state": case.state(2), "position_ids": positions(2, EXAMPLE), **example}
    axes = {
        "state": {0: "batch_size"},
        "position_ids": {0: "batch_size", 1: "seq_len"},
        **{name: {0: "batch_size", case.token_axis: "seq_len"} for name in example},
    }
    session = graph_of(_Function(case, [*example]).eval(), inputs, axes, dynamo, tmp_path / "function.onnx")
    for length in LENGTHS:
        tokens, state = case.tokens(3, length), case.state(3)
        position_ids = positions(3, length).clone()
        position_ids[1, length // 2 + 1 :] = -1
        feeds = {"state": state, "position_ids": position_ids, **tokens}
        outputs = session.run(None, {name: tensor.numpy() for name, tensor in feeds.items()})
        expected = case.run(tokens, state, position_ids)
        assert_near([torch.from_numpy(output) for output in outputs], expected)


class _Layer(nn.Module):
    """A convolution and a gated delta rule on its channels, as a generated layer calls the cache."""

    KERNEL, HEADS, WIDTH = 3, 2, 4
    CHANNELS = 3 * HEADS * WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(self.CHANNELS, self.KERNEL))

    def forward(
        self,
        hidden_states: torch.Tensor,
        position_ids: torch.Tensor,
        conv_state: torch.Tensor,
        recurrent_state: torch.Tensor,
        batch_index: torch.Tensor | None = None,
    ) -> Any:
        cache = QEffDynamicCache.from_legacy_cache([(conv_state, recurrent_state)])
        cache_kwargs = {"position_ids": position_ids, "batch_index": batch_index}
        batch_size, seq_len, _ = hidden_states.shape
        mixed = cache.update_conv_state(hidden_states.transpose(1, 2), 0, cache_kwargs, conv_kernel_size=self.KERNEL)
        mixed = causal_conv1d(mixed, self.weight, None, activation="silu")[:, :, -seq_len:].transpose(1, 2)
        query, key, value = (part.view(batch_size, seq_len, self.HEADS, self.WIDTH) for part in mixed.chunk(3, -1))
        out, state = gated_delta_rule(
            query,
            key,
            value,
            g=-value.abs().mean(-1),
            beta=key.mean(-1).sigmoid(),
            initial_state=cache.get_recurrent_state(0, cache_kwargs),
            position_ids=position_ids,
            use_qk_l2norm_in_kernel=True,
        )
        cache.update_recurrent_state(state, 0, cache_kwargs)
        return out, *cache.to_legacy_cache()[0]


def layer_states(rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.randn(rows, _Layer.CHANNELS, _Layer.KERNEL),
        torch.randn(rows, _Layer.HEADS, _Layer.WIDTH, _Layer.WIDTH),
    )


@pytest.mark.parametrize("of_idle_row", [-1, 2, 5])
def test_a_layer_by_batch_index_in_graphs(dynamo: bool, of_idle_row: int, tmp_path: Path) -> None:
    """Rows that begin, go on, end in pads and are idle with an index of -1 or another row's, against PyTorch."""
    torch.manual_seed(0)
    layer = _Layer().eval()
    conv, recurrent = layer_states(4)
    inputs = {
        "hidden_states": torch.randn(2, EXAMPLE, _Layer.CHANNELS),
        "position_ids": positions(2, EXAMPLE),
        "conv_state": conv,
        "recurrent_state": recurrent,
        "batch_index": torch.tensor([[1], [3]]),
    }
    tokens = {0: "batch_size", 1: "seq_len"}
    axes = {
        "hidden_states": tokens,
        "position_ids": tokens,
        "conv_state": {0: "rows"},
        "recurrent_state": {0: "rows"},
        "batch_index": {0: "batch_size"},
    }
    session = graph_of(layer, inputs, axes, dynamo, tmp_path / "layer.onnx")
    conv, recurrent = layer_states(6)
    conv[2], recurrent[2] = torch.nan, torch.nan
    feeds = {
        "hidden_states": torch.randn(4, 3, _Layer.CHANNELS),
        "position_ids": torch.tensor([[5, 6, 7], [9, -1, -1], [0, 1, -1], [-1, -1, -1]]),
        "conv_state": conv,
        "recurrent_state": recurrent,
        "batch_index": torch.tensor([[0], [5], [2], [of_idle_row]]),
    }
    outputs = [
        torch.from_numpy(each) for each in session.run(None, {name: each.numpy() for name, each in feeds.items()})
    ]
    expected = layer(**feeds)
    for row, valid in enumerate((3, 1, 2)):
        torch.testing.assert_close(outputs[0][row, :valid], expected[0][row, :valid], rtol=1e-5, atol=1e-5)
    for output, want, before in zip(outputs[1:], expected[1:], (conv, recurrent), strict=True):
        torch.testing.assert_close(output, want, rtol=1e-5, atol=1e-5)
        assert torch.equal(output[[1, 3, 4]], before[[1, 3, 4]])
        assert torch.isfinite(output).all()


def test_a_layer_without_batch_index_in_graphs(dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = _WithoutBatchIndex().eval()
    conv, recurrent = layer_states(2)
    inputs = {
        "hidden_states": torch.randn(2, EXAMPLE, _Layer.CHANNELS),
        "position_ids": positions(2, EXAMPLE),
        "conv_state": conv,
        "recurrent_state": recurrent,
    }
    tokens = {0: "batch_size", 1: "seq_len"}
    axes = {
        "hidden_states": tokens,
        "position_ids": tokens,
        "conv_state": {0: "batch_size"},
        "recurrent_state": {0: "batch_size"},
    }
    session = graph_of(layer, inputs, axes, dynamo, tmp_path / "layer.onnx")
    rows = 3
    whole = torch.randn(rows, 20, _Layer.CHANNELS)
    fresh = tuple(torch.full_like(each, torch.nan) for each in layer_states(rows))
    expected = layer(whole, positions(rows, 20), *fresh)
    state = fresh
    pieces = []
    for start, end in ((0, 1), (1, 9), (9, 12), (12, 19), (19, 20)):
        chunk = torch.cat([whole[:, start:end], torch.randn(rows, 2, _Layer.CHANNELS)], 1)
        position_ids = torch.cat([positions(rows, end - start, start), torch.full((rows, 2), -1)], 1)
        feeds = dict(zip(inputs, (chunk, position_ids, *state), strict=True))
        out, *after = session.run(None, {name: each.numpy() for name, each in feeds.items()})
        state = tuple(torch.from_numpy(each) for each in after)
        pieces.append(torch.from_numpy(out)[:, : end - start])
    torch.testing.assert_close(torch.cat(pieces, 1), expected[0], rtol=1e-4, atol=1e-5)
    for got, want in zip(state, expected[1:], strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


class _WithoutBatchIndex(_Layer):
    def forward(self, hidden_states: torch.Tensor, position_ids: torch.Tensor, *states: torch.Tensor) -> Any:  # type: ignore[override]
        return super().forward(hidden_states, position_ids, *states)
