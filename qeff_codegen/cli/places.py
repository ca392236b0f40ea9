"""Where a line of upstream's text stands on this machine: a path that can be opened, where there is one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from qeff_codegen.upstream.source import UpstreamModel

_PROJECT = Path(__file__).resolve().parents[2]


def place_of(upstream: UpstreamModel, line: int, source: Path | None) -> tuple[Path | None, str]:
    """The file that a 1-based line of the text comes from, and how it is shown: `path:line`, seen from here.

    Args:
        source: what --source names, if it is given.

    Returns:
        No file where the text was read out of an archive.
    """
    shown, number = upstream.place(line)
    text = upstream.lines[line - 1]
    for folder in _folders(source):
        file = folder / shown
        if _has_line(file, number, text):
            here = Path.cwd()
            seen = file.relative_to(here) if file.is_relative_to(here) else file
            return file, f"{seen}:{number}"
    return None, f"{shown}:{number}" + (f" of transformers {upstream.version}" if upstream.version else "")


def _folders(source: Path | None) -> Iterator[Path]:
    """Where the paths that messages name may begin."""
    if source is not None:
        given = source.absolute()
        yield from (given, *given.parents, given / "src")
    yield _PROJECT
    installed = importlib.util.find_spec("transformers")
    if installed is not None and installed.origin is not None:
        yield Path(installed.origin).parents[1]


def _has_line(file: Path, number: int, text: str) -> bool:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return number <= len(lines) and lines[number - 1] == text
