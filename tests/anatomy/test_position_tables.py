"""Tables of positions are recognised by what their forward looks up, and by nothing else being done to it."""

from __future__ import annotations

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.position_tables import PositionTable, position_table
from qeff_codegen.upstream.source import UpstreamModel

TABLE = """
class Table(nn.Embedding):
    def __init__(self, size, dim):
        self.offset = 2
        super().__init__(size + self.offset, dim)

    def forward(self, input_ids, past_length=0, position_ids=None):
        if position_ids is None:
            position_ids = torch.arange(past_length, past_length + input_ids.shape[1])
        else:
            position_ids = position_ids.unsqueeze(0)
        return super().forward(position_ids + self.offset)
"""


def table(source: str) -> PositionTable | None:
    file = read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source))
    return position_table(file.classes["Table"])


def test_offset_and_batch_axis_are_seen() -> None:
    assert table(TABLE) == PositionTable("offset", True)
    assert PositionTable("offset", True).row("self.wpe") == "self.wpe.weight[position_ids + self.wpe.offset]"
    indexed = TABLE.replace("super().forward(position_ids + self.offset)", "self.weight[position_ids]")
    assert table(indexed) == PositionTable("", True)
    assert PositionTable("", False).row("self.wpe") == "self.wpe.weight[position_ids]"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(nn.Embedding)", "(nn.Module)"),
        ("self.offset, dim)", "self.offset, dim, max_norm=1.0)"),
        ("position_ids.unsqueeze(0)", "position_ids.flip(1)"),
        ("forward(position_ids + self.offset)", "forward(position_ids - self.offset)"),
        ("forward(position_ids + self.offset)", "forward(position_ids + past_length)"),
        ("forward(position_ids + self.offset)", "forward(position_ids + self.offset) * 2"),
        ("    def forward", "    @scaled\n    def forward"),
    ],
)
def test_anything_else_is_no_such_table(old: str, new: str) -> None:
    assert old in TABLE
    assert table(TABLE.replace(old, new)) is None
