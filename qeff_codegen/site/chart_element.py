"""A chart as an element of a page: drawn by matplotlib, in the page's colours and font, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

SIZE = 11.0


def settings(name: str) -> dict[str, Any]:
    """What matplotlib is told: names that no other chart of the page has, and text as text."""
    return {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "text.parse_math": False,
        "font.size": SIZE,
        "axes.linewidth": 0.8,
    }


def chart_element(document: str, *, name: str, colours: Mapping[str, str], title: str, description: str) -> Markup:
    """The element alone, with a title and a description for who does not see it.

    Args:
        document: the SVG file, as matplotlib writes it.
        name: what no other chart of the page is called.
        colours: the page's colour for each stand-in of the document, since pages differ in light and dark.
        title, description: the numbers in words.
    """
    body = document[document.index("<g ", document.index("<svg")) : document.rindex("</svg>")]
    for stand_in, colour in colours.items():
        body = body.replace(stand_in, colour)
    body = re.sub(r" font-family: [^;\"]*;?|<!--.*?-->\s*", "", body)
    # Every document numbers its groups alike.
    body = re.sub(r'<g id="([^"]+)"', rf'<g id="{name}-\1"', body)
    view = re.search(r'viewBox="([^"]*)"', document)
    assert view is not None
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" class="bars" '
        'viewBox="{}" role="img" aria-labelledby="{name}-title {name}-desc">\n'
        '<title id="{name}-title">{}</title>\n<desc id="{name}-desc">{}</desc>\n'
    ).format(view[1], title, description, name=name)
    return head + Markup(body) + Markup("</svg>")
