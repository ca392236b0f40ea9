"""Templates of Markdown pages that GitHub shows."""

from __future__ import annotations

from jinja2 import Environment

from qeff_codegen.review.environment import environment_of


def markdown_environment(package: str) -> Environment:
    """Templates of a package, with a filter `cell` for what stands in a table.

    Markdown is no HTML: code stands in fences and between backticks, and tables have their own escape.
    """
    environment = environment_of(package, autoescape=False)
    environment.filters["cell"] = _cell
    return environment


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
