"""A row for one of the tables of `docs/source/validate.md`; every other byte of the file stays."""

from __future__ import annotations

import re
from pathlib import PurePath

from qeff_codegen.checkout.python_file import RULE
from qeff_codegen.errors import Location, Refusal

HEADING = "### Text Generation Task"
IMAGE_HEADING = "### Vision-Language Models (Text + Image Generation)"
COLUMNS = ("Architecture", "Model Family", "Representative Models")
HUB = "https://huggingface.co"


def with_row(
    text: str, path: PurePath, architecture: str, family: str, checkpoint: str, heading: str = HEADING
) -> str:
    """The file with a row for `architecture`: in the sorted place where the table is sorted, else the last.

    It stays as it is where the table has a row of this architecture already.

    Args:
        architecture: the class that a checkpoint is loaded as.
        family: what the family is called.
        checkpoint: the representative model, as the hub names it.
        heading: what the table stands below.

    Raises:
        Refusal: the table is not there, or has other columns.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    first, last = _rows(lines, path, heading)
    names = [_architecture(line) for line in lines[first : last + 1]]
    if architecture in names:
        return text
    cells = [f"**{architecture}**", family, f"[{checkpoint}]({HUB}/{checkpoint})"]
    # What is left says where the model runs, and which other projects support it, which nobody knows yet: empty.
    cells += [""] * (len(_cells(lines[first - 2])) - len(cells))
    widths = [len(cell) - 2 for cell in lines[first - 2].strip().strip("|").split("|")]
    widths[len(COLUMNS) :] = [8] * (len(cells) - len(COLUMNS))
    row = "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
    newline = "\r\n" if lines[last].endswith("\r\n") else "\n"
    at = last + 1
    named = [name for name in names if name]
    if named == sorted(named, key=str.lower):
        at = next((first + n for n, name in enumerate(names) if name.lower() > architecture.lower()), at)
    ended = lines[at - 1] if lines[at - 1].endswith("\n") else lines[at - 1] + newline
    return "".join([*lines[: at - 1], ended, row + newline, *lines[at:]])


def _rows(lines: list[str], path: PurePath, heading: str) -> tuple[int, int]:
    """Indices of the table's first and last row below its header."""
    at = next((number for number, line in enumerate(lines) if line.strip() == heading), None)
    if at is None:
        raise _refusal(f"{path} has no heading `{heading}`", path, 0, lines)
    header = next((number for number in range(at + 1, len(lines)) if lines[number].startswith("|")), None)
    if header is None or tuple(_cells(lines[header])[: len(COLUMNS)]) != COLUMNS:
        raise _refusal(f"{path} has no table of {', '.join(COLUMNS)} below `{heading}`", path, at, lines)
    end = next((number for number in range(header, len(lines)) if not lines[number].startswith("|")), len(lines))
    if end < header + 3:
        raise _refusal(f"the table below `{heading}` of {path} has no rows", path, header, lines)
    return header + 2, end - 1


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _architecture(line: str) -> str:
    """The class that a row is about; empty for one that goes on with the row above."""
    match = re.match(r"\|\s*\*\*(\w+)\*\*", line)
    return match.group(1) if match else ""


def _refusal(what: str, path: PurePath, at: int, lines: list[str]) -> Refusal:
    return Refusal(
        what,
        rule=RULE,
        location=Location(str(path), at + 1, lines[at] if at < len(lines) else ""),
        expected="the table of validated models, with its heading",
        next_step="compare with the file on the checkout's main branch",
    )
