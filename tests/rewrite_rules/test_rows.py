"""What counts as computing each row by itself, and what may look at an axis by its number."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.upstream.source import UpstreamModel
from rewrite_rules.rows import EachRow

CLASS = '''
class Expert:
    def __init__(self, config):
        self.act_fn = ACT2FN[config.hidden_act]
        self.other = nn.Softmax(dim=1)

    def halves(self, x):
        """Two halves of the columns."""
        gate, up = x[..., ::2], x[..., 1::2]
        return (up + 1) * torch.sigmoid(gate)

    def turned(self, x):
        return x.flip(1)
'''


def rows(*indices: str) -> EachRow:
    file = read_modeling_file(UpstreamModel("x", "x.py", "x", CLASS))
    return EachRow(file.classes["Expert"], indices=frozenset(indices))


@pytest.mark.parametrize(
    "value",
    [
        "self.act_fn(gate) * up",
        "x @ self.weight[e] + self.bias[e]",
        "F.linear(x, self.weight[e]).chunk(2, dim=-1)",
        "self.halves(x).to(total.dtype)",
        "states.view(-1, self.hidden)",
        "self.mlp.weight.view(shape)[e]",
        "x.clamp(min=None, max=self.limit)",
    ],
)
def test_row_by_row(value: str) -> None:
    assert rows("e").is_row(ast.parse(value, mode="eval").body)


@pytest.mark.parametrize(
    "value",
    [
        "self.other(x)",
        "self.turned(x)",
        "x.chunk(2, dim=1)",
        "x.chunk(2)",
        "x[:, ::2]",
        "x[0]",
        "x.T",
        "(2 * states).view(-1, self.hidden)",
        "x.sum(dim=1, keepdim=True)",
        "torch.softmax(x, dim=1)",
    ],
)
def test_not_known_to_be(value: str) -> None:
    assert not rows("e").is_row(ast.parse(value, mode="eval").body)


def test_a_view_is_known_only_to_who_numbers_rows() -> None:
    assert not rows().is_row(ast.parse("states.view(-1, self.hidden)", mode="eval").body)
