"""How templates of pages are read: what the review, the site and pull requests have in common."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def environment_of(package: str, *, autoescape: bool) -> Environment:
    """The templates of a package, in which a name that is not known is an error."""
    return Environment(
        loader=PackageLoader(package),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def page_environment(package: str) -> Environment:
    """Templates of HTML pages, with a filter `prose` for sentences."""
    environment = environment_of(package, autoescape=True)
    environment.filters["prose"] = _prose
    return environment


def _prose(text: str) -> Markup:
    """A text in which `code` stands between backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
