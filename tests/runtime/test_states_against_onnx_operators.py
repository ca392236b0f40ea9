"""Our functions against the operators that ONNX has for them since opset 27, run by onnxruntime.

An independent reference: somebody else's reading of the same recurrences. What is exported stays in older operators.
"""

from __future__ import annotations

from typing import Any

import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper
from torch.nn import functional as F

from qeff_codegen.runtime.cache_utils import QEffDynamicCache
from qeff_codegen.runtime.states import causal_conv1d
from tests.runtime.state_cases import CASES, GROUPS, HEADS, assert_near, positions

OPSET = 27
LENGTHS = [1, 5, 64, 200]


def run_operator(operator: str, inputs: dict[str, torch.Tensor], outputs: list[str], **attributes: Any) -> Any:
    """Runs a graph of one node; an input of no elements is left out."""
    given = {name: tensor.contiguous() for name, tensor in inputs.items() if tensor.numel()}
    node = helper.make_node(operator, [name if name in given else "" for name in inputs], outputs, **attributes)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(each.shape)) for name, each in given.items()]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph([node], operator, values, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=11)
    session = ort.InferenceSession(model.SerializeToString())
    return [torch.from_numpy(each) for each in session.run(None, {name: each.numpy() for name, each in given.items()})]


def packed(tensor: torch.Tensor) -> torch.Tensor:
    """Puts the heads of `[batch_size, seq_len, heads, width]` side by side."""
    return tensor.flatten(2)


def of_length_one(tensor: torch.Tensor) -> torch.Tensor:
    return tensor / (tensor.square().sum(-1, keepdim=True) + 1e-6).sqrt()


@pytest.mark.parametrize("name", ["gated delta rule", "KDA"])
@pytest.mark.parametrize("length", LENGTHS)
def test_delta_rules_are_linear_attention(name: str, length: int) -> None:
    torch.manual_seed(length)
    case = CASES[name]
    tokens, state = case.tokens(2, length), case.state(2)
    out, after = case.run(tokens, state, positions(2, length))
    shared = HEADS // tokens["key"].shape[2]
    inputs = {
        "query": packed(of_length_one(tokens["query"]).repeat_interleave(shared, 2)),
        "key": packed(of_length_one(tokens["key"]).repeat_interleave(shared, 2)),
        "value": packed(tokens["value"]),
        "past_state": state,
        "decay": tokens["g"] if name == "gated delta rule" else packed(tokens["g"]),
        "beta": tokens["beta"],
    }
    heads = {"q_num_heads": HEADS, "kv_num_heads": HEADS}
    expected = run_operator("LinearAttention", inputs, ["output", "present"], update_rule="gated_delta", **heads)
    assert_near((packed(out), after), expected)


@pytest.mark.parametrize("length", LENGTHS)
def test_mamba2_is_gated_linear_attention(length: int) -> None:
    """With the step times the input as value; its state is the other way round."""
    torch.manual_seed(length)
    case = CASES["Mamba-2"]
    tokens, state = case.tokens(2, length), case.state(2)
    out, after = case.run(tokens, state, positions(2, length))
    step = F.softplus(tokens["dt"] + case.weights["dt_bias"])
    inputs = {
        "query": packed(tokens["C"].repeat_interleave(HEADS // GROUPS, 2)),
        "key": packed(tokens["B"].repeat_interleave(HEADS // GROUPS, 2)),
        "value": packed(tokens["hidden_states"] * step.unsqueeze(-1)),
        "past_state": state.transpose(2, 3),
        "decay": step * case.weights["A"],
    }
    heads = {"q_num_heads": HEADS, "kv_num_heads": HEADS, "scale": 1.0}
    read, present = run_operator("LinearAttention", inputs, ["output", "present"], update_rule="gated", **heads)
    past_the_state = packed(tokens["hidden_states"] * case.weights["D"].unsqueeze(-1))
    assert_near((packed(out), after), (read + past_the_state, present.transpose(2, 3)))


@pytest.mark.parametrize("length", LENGTHS)
def test_lightning_attention_is_gated_linear_attention(length: int) -> None:
    """With one decay for all tokens of a head, and queries as they are."""
    torch.manual_seed(length)
    case = CASES["lightning attention"]
    tokens, state = case.tokens(2, length), case.state(2)
    out, after = case.run(tokens, state, positions(2, length))
    inputs = {name: packed(tokens[name].transpose(1, 2)) for name in ("query", "key", "value")}
    decay = -case.weights["slope_rate"].reshape(1, 1, HEADS).expand(2, length, HEADS)
    heads = {"q_num_heads": HEADS, "kv_num_heads": HEADS, "scale": 1.0}
    expected = run_operator(
        "LinearAttention",
        {**inputs, "past_state": state, "decay": decay},
        ["output", "present"],
        update_rule="gated",
        **heads,
    )
    assert_near((packed(out.transpose(1, 2)), after), expected)


@pytest.mark.parametrize("activation", ["none", "silu"])
@pytest.mark.parametrize("length", [1, 2, 3, 20])
def test_a_convolution_on_the_cache_is_the_operator_with_state(activation: str, length: int) -> None:
    """The operator keeps one column less than we do: a call needs only `kernel - 1` from before."""
    torch.manual_seed(length)
    kernel = 4
    kept, new, weight, bias = (
        torch.randn(2, 3, kernel),
        torch.randn(2, 3, length),
        torch.randn(3, kernel),
        torch.randn(3),
    )
    cache = QEffDynamicCache.from_legacy_cache([(kept,)])
    kwargs = {"position_ids": positions(2, length, 5)}
    columns = cache.update_conv_state(new, 0, kwargs, conv_kernel_size=kernel)
    out = causal_conv1d(columns, weight, bias, None if activation == "none" else activation)[:, :, -length:]
    inputs = {"input": new, "weight": weight.unsqueeze(1), "bias": bias, "past_state": kept[:, :, 1:]}
    expected, present = run_operator("CausalConvWithState", inputs, ["output", "present"], activation=activation)
    torch.testing.assert_close(out, expected)
    assert torch.equal(cache.to_legacy_cache()[0][0][:, :, 1:], present)
