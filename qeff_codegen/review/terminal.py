"""The review as a diff for the terminal, each hunk headed by the rules that made it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from qeff_codegen.review.changes import Hunk, Same
from qeff_codegen.review.facts import Review
from qeff_codegen.review.sections import Context, Left, Section, sections


def as_diff(review: Review) -> Text:
    """A unified diff with styles; hunks that no rule had a part in are named and not shown."""
    diff = Text()
    diff.append(f"--- {review.model.upstream.display_path}\n", style="bold")
    diff.append(f"+++ {review.name}/modeling_{review.name}.py\n", style="bold")
    for section in sections(review.model, review.changes):
        _section(diff, section, review)
    return diff


def _section(diff: Text, section: Section, review: Review) -> None:
    upstream, generated = review.model.upstream.lines, review.model.code.splitlines()
    if section.name:
        diff.append(f"\n{section.generated}\n", style="bold underline")
    for block in section.blocks:
        if isinstance(block, Left):
            diff.append(f"  ... {block.title[0].lower()}{block.title[1:]}\n", style="dim")
        elif isinstance(block, Context) and block.folded:
            diff.append(f"  ... {len(block.lines.generated)} unchanged lines\n", style="dim")
        elif isinstance(block, Context):
            _lines(diff, " ", block.lines.generated, generated, "")
        else:
            diff.append(f"{hunk_header(block)}\n", style="cyan")
            for owner in block.owners:
                diff.append(f"# {owner}: ", style="bold magenta").append(f"{review.why(owner)}\n", style="magenta")
            _lines(diff, "-", block.upstream, upstream, "red")
            _lines(diff, "+", block.generated, generated, "green")


def _lines(diff: Text, mark: str, numbers: range, lines: Sequence[str], style: str) -> None:
    for number in numbers:
        diff.append(f"{mark}{lines[number - 1]}\n", style=style)


def hunk_header(hunk: Hunk | Same) -> str:
    """Where a hunk stands, as unified diffs say it: first line and number of lines in either file."""
    sides = [
        f"{mark}{lines.start}" + (f",{len(lines)}" if len(lines) != 1 else "")
        for mark, lines in (("-", hunk.upstream), ("+", hunk.generated))
    ]
    name = f" {hunk.name}" if isinstance(hunk, Hunk) and hunk.name else ""
    return f"@@ {' '.join(sides)} @@{name}"
