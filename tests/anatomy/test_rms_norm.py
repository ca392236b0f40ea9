"""RMS norms are recognised by arithmetic; the smallest change of it is another norm."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.rms_norm import NormKind, recognise_rms_norm
from qeff_codegen.upstream.source import UpstreamModel

PLAIN = """
class Norm(nn.Module):
    def __init__(self, size, eps=1e-6):
        self.weight = nn.Parameter(torch.ones(size))
        self.variance_epsilon = eps

    def forward(self, hidden_states):
        input_dtype = hidden_states.dtype
        hidden_states = hidden_states.to(torch.float32)
        variance = hidden_states.pow(2).mean(-1, keepdim=True)
        hidden_states = hidden_states * torch.rsqrt(variance + self.variance_epsilon)
        return self.weight * hidden_states.to(input_dtype)
"""
GEMMA = """
class Norm(nn.Module):
    def __init__(self, size, eps=1e-6):
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(size))

    def _norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def forward(self, x):
        output = self._norm(x.float())
        # (x * w).to(float16) is not x.to(float16) * w
        output = output * (1.0 + self.weight.float())
        return output.type_as(x)
"""


def kind(source: str) -> NormKind | None:
    return recognise_rms_norm(read_modeling_file(UpstreamModel("x", "x.py", "x", source)).classes["Norm"])


def test_the_two_known_norms() -> None:
    assert kind(PLAIN) is NormKind.PLAIN
    assert kind(GEMMA) is NormKind.ONE_PLUS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hidden_states * torch", "torch.rsqrt(variance + self.variance_epsilon) * hidden_states  # * torch"),
        ("variance + self.variance_epsilon", "self.variance_epsilon + variance"),
        ("self.weight * hidden_states.to(input_dtype)", "hidden_states.to(input_dtype) * self.weight"),
        ("self.weight * hidden_states", "(self.weight * hidden_states)"),
    ],
)
def test_spellings_of_the_same_arithmetic(old: str, new: str) -> None:
    assert old in PLAIN
    assert kind(PLAIN.replace(old, new)) is NormKind.PLAIN


@pytest.mark.parametrize(
    ("source", "old", "new"),
    [
        (PLAIN, "pow(2)", "pow(3)"),
        (PLAIN, "mean(-1", "mean(-2"),
        (PLAIN, "mean(-1", "sum(-1"),
        (PLAIN, "variance + self", "variance - self"),
        (PLAIN, "torch.rsqrt", "torch.sqrt"),
        (PLAIN, "self.weight * hidden", "self.weight + hidden"),
        (PLAIN, "self.weight * hidden", "(1 + self.weight) / hidden"),
        (PLAIN, "variance_epsilon", "other_epsilon"),
        (PLAIN, "        variance =", "        hidden_states = hidden_states - 1.0\n        variance ="),
        (PLAIN, "self.weight", "self.scale"),
        (PLAIN, "        variance =", "        if self.eps:\n            return hidden_states\n        variance ="),
        (GEMMA, "1.0 + self.weight", "2.0 + self.weight"),
        (GEMMA, "1.0 + self.weight", "1.0 - self.weight"),
        (GEMMA, "return output.type_as(x)", "return output.type_as(x) * 2"),
    ],
)  # fmt: skip
def test_other_arithmetic_is_another_norm(source: str, old: str, new: str) -> None:
    assert old in source
    assert kind(source.replace(old, new)) is None


def test_a_decorated_norm_is_another_one() -> None:
    assert kind(PLAIN.replace("    def forward", "    @twice\n    def forward")) is None
    assert kind(GEMMA.replace("    def _norm", "    @twice\n    def _norm")) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        self.variance_epsilon = eps", "        self.variance_epsilon = eps\n        self.eps = 2 * eps"),
        (
            "        self.variance_epsilon = eps",
            "        self.eps = eps\n        setattr(self, 'variance_epsilon', 1)",
        ),
        ("        self.variance_epsilon = eps", "        self.eps = torch.tensor(eps)"),
        ("class Norm(nn.Module):", "class Norm(Base):"),
        ("    def forward", "    def __call__(self, x):\n        return 2 * x\n\n    def forward"),
        ("nn.Parameter(torch.ones(size))", "torch.ones(size)"),
    ],
)
def test_the_operator_would_read_something_else(old: str, new: str) -> None:
    assert old in PLAIN
    source = PLAIN.replace(old, new)
    if "self.eps" in new:
        source = source.replace("variance + self.variance_epsilon", "variance + self.eps")
    assert kind(source) is None


def test_a_name_spelled_like_epsilon_is_another_number() -> None:
    assert kind(PLAIN.replace("variance + self.variance_epsilon", "variance + eps")) is None
