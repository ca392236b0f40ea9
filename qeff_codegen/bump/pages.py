"""The report's pages, from the templates beside this file."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import DiffLexer

from qeff_codegen.bump.diffs import FrequentChange


def html_page(data: dict[str, Any]) -> str:
    """One page that needs nothing but itself, for any width, light or dark as the reader has it."""
    environment = _environment(autoescape=True)
    environment.filters["coloured"] = coloured
    return _rendered(environment, "report.html.jinja", data)


def markdown_page(data: dict[str, Any]) -> str:
    """The page without the diffs of single files, short enough for a pull request or a documentation folder."""
    environment = _environment(autoescape=False)
    environment.filters["cell"] = cell
    return _rendered(environment, "report.md.jinja", data)


def coloured(diff: str) -> Markup:
    """A diff as HTML, every line in a span that says whether it was removed, added, or neither."""
    # Pygments escapes what it is given.
    return Markup(highlight(diff, DiffLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def cell(text: str) -> str:
    """A text for a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def _change_diff(change: dict[str, Any]) -> str:
    return FrequentChange(change["before"], change["after"], change["files"]).diff


def _stages_line(stages: dict[str, int]) -> str:
    """How many families came out of validation in which state."""
    found = ", ".join(f"{count} {state}" for state, count in stages.items())
    return f"Stages 1 to 3 with the new release: {found}." if found else "Stages 1 to 3 were not run."


def _environment(*, autoescape: bool) -> Environment:
    return Environment(autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _rendered(environment: Environment, name: str, data: dict[str, Any]) -> str:
    template = (files("qeff_codegen.bump") / "templates" / name).read_text("utf-8")
    return environment.from_string(template).render(data, change_diff=_change_diff, stages_line=_stages_line)
