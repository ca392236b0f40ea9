"""Texts are written as they come, in the order of their prompts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qeff_codegen.cli.answers import write_answers
from qeff_codegen.deploy.inference import Piece


def test_one_prompt_is_answered_piece_by_piece(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def pieces() -> Iterator[Piece]:
        for text, last in (("a", False), ("", False), ("b", True)):
            yield Piece(0, text, last)
            seen.append(capsys.readouterr().out)

    write_answers(["p"], pieces())
    assert seen == ["a", "", "b"]
    assert capsys.readouterr().out == "\n"


def test_several_are_written_while_they_come_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def pieces() -> Iterator[Piece]:
        for piece in (
            Piece(0, "a", False),
            Piece(1, "x", False),
            Piece(2, "u", True),
            Piece(1, "y", False),
            Piece(0, "b", True),
            Piece(1, "z", True),
        ):
            yield piece
            seen.append(capsys.readouterr().out)

    write_answers(["p", "q", "r"], pieces())
    assert seen == ["> p\na", "", "", "", "b\n\n> q\nxy", "z\n\n> r\nu"]
    assert capsys.readouterr().out == "\n\n"


def test_a_text_that_ends_without_a_word_hides_none(capsys: pytest.CaptureFixture[str]) -> None:
    write_answers(["p", "q"], iter([Piece(0, "a", False), Piece(1, "x", False)]))
    assert capsys.readouterr().out == "> p\na\n\n> q\nx\n\n"
