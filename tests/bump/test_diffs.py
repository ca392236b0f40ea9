"""What the diffs of many files have in common."""

from __future__ import annotations

from qeff_codegen.bump.diffs import FrequentChange, frequent_changes, lines_changed, unified, with_changes_made

BEFORE = "import a\n\n\ndef f(past, x):\n    return past.get(x)\n\n\ndef g():\n    pass\n"


def test_a_name_that_was_exchanged_is_one_change_a_file_however_often_it_stands_there() -> None:
    after = BEFORE.replace("past", "cache")
    assert frequent_changes([(BEFORE, after)] * 2, fewest=2, most=9) == (FrequentChange("past", "cache", 2),)


def test_another_layout_does_not_hide_an_exchanged_name() -> None:
    pair = ("x = f(\n    past,\n    y\n)\n", "x = f(cache, y)\n")
    (change,) = frequent_changes([pair], fewest=1, most=9)
    assert (change.before, change.after, change.is_renaming) == ("past", "cache", True)


def test_a_block_counts_without_its_indentation() -> None:
    blocks = [
        ("a\n    old(1)\n    old(2)\nb\n", "a\n    new(1, 2)\nb\n"),
        ("a\n        old(1)\n        old(2)\nb\n", "a\n        new(1, 2)\nb\n"),
    ]
    (change,) = frequent_changes(blocks, fewest=2, most=9)
    assert change == FrequentChange("old(1)\nold(2)", "new(1, 2)", 2)
    assert change.diff == "-old(1)\n-old(2)\n+new(1, 2)\n"
    assert not change.is_renaming


def test_lines_that_only_come_or_only_go() -> None:
    pairs = [("a\nb\n", "b\n"), ("a\nc\n", "c\n"), ("d\n", "d\nnew\n"), ("e\n", "e\nnew\n"), ("f\n", "f\nother\n")]
    assert frequent_changes(pairs, fewest=2, most=9) == (FrequentChange("", "new", 2), FrequentChange("a", "", 2))


def test_blank_lines_are_no_change() -> None:
    assert frequent_changes([("a\n\n\nb\n", "a\nb\n")], fewest=1, most=9) == ()


def test_the_most_frequent_come_first_and_no_more_than_asked_for() -> None:
    pairs = [("a = 1\n", "b = 1\n")] * 3 + [("c = 1\n", "d = 1\n")] * 2
    assert [change.files for change in frequent_changes(pairs, fewest=1, most=9)] == [3, 2]
    assert [change.files for change in frequent_changes(pairs, fewest=1, most=1)] == [3]


def test_changed_lines_are_counted_without_the_titles() -> None:
    diff = unified("a\n-- b\n", "a\n++ c\nd\n", "old", "new")
    assert diff.startswith("--- old\n+++ new\n")
    assert lines_changed(diff) == (2, 1)


def test_changes_of_many_files_are_made_and_a_files_own_is_left() -> None:
    after = BEFORE.replace("past", "cache").replace("    pass\n", "    return 1\n")
    renamed = FrequentChange("past", "cache", 9)
    assert with_changes_made(BEFORE, after, [renamed]) == BEFORE.replace("past", "cache")
    assert with_changes_made(BEFORE, after, [renamed, FrequentChange("pass", "return 1", 9)]) == after
    assert with_changes_made(BEFORE, after, []) == BEFORE


def test_a_block_with_something_of_its_own_stays_as_it_was() -> None:
    before, after = "a = old\nb = 1\n", "a = new\nb = 2\n"
    assert with_changes_made(before, after, [FrequentChange("old", "new", 9)]) == before
