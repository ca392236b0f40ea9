"""Texts are written as they come: one prompt's at once, others' as soon as the prompts before them are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from qeff_codegen.deploy.inference import Piece


def write_answers(prompts: Sequence[str], pieces: Iterable[Piece]) -> None:
    """Write what every prompt goes on with, in the order of the prompts; several have their prompt above.

    Args:
        pieces: of all prompts, as they come.
    """
    several = len(prompts) > 1
    waiting: list[list[str]] = [[] for _ in prompts]
    done = [False] * len(prompts)
    shown = 0
    _begin(prompts[0], several)
    for piece in pieces:
        waiting[piece.prompt].append(piece.text)
        done[piece.prompt] = piece.last
        _write(waiting[shown])
        while done[shown] and shown + 1 < len(prompts):
            _end(several)
            shown += 1
            _begin(prompts[shown], several)
            _write(waiting[shown])
    _end(several)
    # Nothing is left unless a text ended without a word that it did.
    for prompt, texts in list(zip(prompts, waiting, strict=True))[shown + 1 :]:
        _begin(prompt, several)
        _write(texts)
        _end(several)


def _begin(prompt: str, several: bool) -> None:
    if several:
        click.echo(f"> {prompt}")


def _write(texts: list[str]) -> None:
    for text in texts:
        click.echo(text, nl=False)
    texts.clear()


def _end(several: bool) -> None:
    click.echo("\n" if several else "")
