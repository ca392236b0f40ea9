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
    return environment.from_string(_template("report.html.jinja")).render(data, change_diff=_change_diff)


def markdown_page(data: dict[str, Any]) -> str:
    """The page without the diffs of single files, short enough for a pull request or a documentation folder."""
    environment = _environment(autoescape=False)
    environment.filters["cell"] = cell
    return environment.from_string(_template("report.md.jinja")).render(data, change_diff=_change_diff)


def coloured(diff: str) -> Markup:
    """A diff as HTML, every line in a span that says whether it was removed, added, or neither."""
    # Pygments escapes what it is given.
    return Markup(highlight(diff, DiffLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def cell(text: str) -> str:
    """A text for a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def _change_diff(change: dict[str, Any]) -> str:
    return FrequentChange(change["before"], change["after"], change["files"]).diff


def _environment(*, autoescape: bool) -> Environment:
    return Environment(autoescape=autoescape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _template(name: str) -> str:
    return (files("qeff_codegen.bump") / "templates" / name).read_text("utf-8")
