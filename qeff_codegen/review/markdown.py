"""Templates of Markdown pages that GitHub shows."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def markdown_environment(package: str) -> Environment:
    """Templates of a package, with a filter `cell` for what stands in a table.

    Markdown is no HTML: code stands in fences and between backticks, and tables have their own escape.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    return environment


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
