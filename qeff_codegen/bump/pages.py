"""The report's pages, from the templates beside this file."""

from __future__ import annotations

from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from qeff_codegen.bump.diffs import FrequentChange
from qeff_codegen.review.environment import environment_of, page_environment

# How a line of a unified diff begins, and the class that it has on the page.
_KINDS = {"+": "gi", "-": "gd", "@": "gu"}
# Lines of one diff that a page shows, as many as leave it light: a file written anew is better read as a whole.
MOST_LINES = (120, 60, 30, 15)
# Bytes of a page that opens at once, is kept and is sent about.
LARGEST = 300_000


def html_page(data: dict[str, Any]) -> str:
    """One page that needs nothing but itself, for any width, light or dark as the reader has it.

    Where there is too much for a light page, less is shown of every diff, and the page says how much more there is.
    """
    environment = page_environment("qeff_codegen.bump")
    environment.filters["coloured"] = coloured
    style = Markup((files("qeff_codegen.review") / "templates" / "page.css").read_text("utf-8"))
    environment.globals["style"] = style
    for most_lines in MOST_LINES:
        environment.globals["most_lines"] = most_lines
        page = _rendered(environment, "report.html.jinja", data)
        if len(page.encode()) < LARGEST:
            break
    return page


def markdown_page(data: dict[str, Any]) -> str:
    """The page without the diffs of single files, short enough for a pull request or a documentation folder."""
    environment = environment_of("qeff_codegen.bump", autoescape=False)
    environment.filters["cell"] = cell
    return _rendered(environment, "report.md.jinja", data)


def coloured(diff: str) -> Markup:
    """A diff as HTML, neighbouring lines that were removed, added, or neither in one element."""
    runs = groupby(diff.splitlines(keepends=True), lambda line: _KINDS.get(line[:1], ""))
    parts = ((name, "".join(lines)) for name, lines in runs)
    return Markup().join(
        Markup('<span class="{}">{}</span>').format(name, text) if name else escape(text) for name, text in parts
    )


def cell(text: str) -> str:
    """A text for a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def _change_diff(change: dict[str, Any]) -> str:
    return FrequentChange(change["before"], change["after"], change["files"]).diff


def _stages_line(stages: dict[str, int]) -> str:
    """How many families came out of validation in which state."""
    found = ", ".join(f"{count} {state}" for state, count in stages.items())
    return f"Stages 1 to 3 with the new release: {found}." if found else "Stages 1 to 3 were not run."


def _rendered(environment: Environment, name: str, data: dict[str, Any]) -> str:
    return environment.get_template(name).render(data, change_diff=_change_diff, stages_line=_stages_line)
