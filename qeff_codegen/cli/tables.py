"""Tables: wrapped and styled by rich on a terminal, plain aligned text, never cut, everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click


def show_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with one line of text in each cell to standard output."""
    if sys.stdout.isatty():
        _show_on_terminal(title, header, rows)
    else:
        click.echo(plain_table(title, header, rows))


def plain_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as text: columns as wide as their longest cell, two spaces apart, the last one ragged."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])


def _show_on_terminal(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # rich takes as long to import as it takes to read a model, and is of no use in a pipe.
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    # A title may hold a path, which is whole only in one piece: the terminal wraps it, and copies it unwrapped.
    console.print(Text(title, "table.title"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(header):
        # Names stay whole; what gives way where the terminal is narrow are columns of words.
        is_of_names = not any(" " in row[number] for row in rows)
        table.add_column(heading, no_wrap=is_of_names, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
