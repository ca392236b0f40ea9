"""What a rule leaves without a reader goes; what upstream left unread, or what may do something, stays."""

from __future__ import annotations

import pytest

from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.idle_assignments import without_idle_assignments

BEFORE = """
def forward(self, states, mask):
    unread = 1
    sizes = states.shape
    length = sizes[1]
    given = self.count(length)
    if self.causal:
        mask = length
    states = self.layer(states, mask, given)
    return states
"""
USE = "self.layer(states, mask, given)"


def function(source: str) -> Code:
    return Code(source.lstrip())


@pytest.mark.parametrize(
    ("used", "gone"),
    [
        ("self.layer(states, mask, given)", set()),
        # What is called may do something, so `given` stays, and with it what it reads.
        ("self.layer(states, mask)", set()),
        # The branch had nothing else in it.
        ("self.layer(states, given)", {"    if self.causal:", "        mask = length"}),
    ],
)
def test_only_what_lost_its_reader_goes(used: str, gone: set[str]) -> None:
    after = function(BEFORE.replace(USE, used))
    lines = after.text.splitlines()
    left = without_idle_assignments(function(BEFORE), after).text.splitlines()
    assert left == [line for line in lines if line not in gone]


def test_what_only_a_dropped_assignment_read_goes_too() -> None:
    before = BEFORE.replace("given = self.count(length)", "given = 0")
    after = function(before.replace(USE, "self.layer(states)"))
    assert without_idle_assignments(function(before), after).text.splitlines() == [
        "def forward(self, states, mask):",
        "    unread = 1",
        "    states = self.layer(states)",
        "    return states",
    ]


def test_an_assignment_of_a_name_to_itself_goes() -> None:
    before = function("def forward(self, x):\n    x = x if self.always else None\n    return x\n")
    after = function("def forward(self, x):\n    x = x\n    return x\n")
    assert without_idle_assignments(before, after).text == "def forward(self, x):\n    return x\n"


@pytest.mark.parametrize(
    ("assigned", "left"),
    [
        ("rows, columns = x.size(0), x.size(1)", "columns = x.size(1)"),
        ("rows, columns, depth = x.shape", "rows, columns, depth = x.shape"),
        ("rows, columns = self.count(x), 2", "rows, columns = self.count(x), 2"),
        ("(columns, rows, depth) = (1, 2, 3)", "columns, depth = 1, 3"),
    ],
)
def test_of_names_assigned_side_by_side_those_that_are_read_stay(assigned: str, left: str) -> None:
    text = f"def forward(self, x):\n    {assigned}\n    return columns, depth, rows\n"
    after = function(text.replace(", rows\n", "\n"))
    lines = without_idle_assignments(function(text), after).text.splitlines()
    assert lines[1].strip() == left


def test_a_branch_that_does_more_than_pass_and_a_name_bound_inside_a_value_stay() -> None:
    before = "def f(x):\n    if x:\n        pass\n        y = 1\n    a = (b := 2)\n    return a + b + y\n"
    after = before.replace("a + b", "b")
    assert without_idle_assignments(function(before), function(after)).text == after
