"""A source file's bytes as text, in the encoding that Python would read them in."""

from __future__ import annotations

import io
import re
import tokenize
from importlib.util import decode_source

_NAMED = re.compile(r"(?<=coding[:=])([ \t]*)[-\w.]+")


def decoded(content: bytes) -> str:
    """The text of a file, without a byte order mark; an encoding that it names is UTF-8 from then on.

    Raises:
        UnicodeDecodeError: it is no text in its encoding.
        SyntaxError: it names an encoding that is none.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:
        content.decode()
        raise
    text = decode_source(content)
    if encoding.startswith("utf-8"):
        return text
    # The comment that names it stands in one of the first two lines, and may be copied into files that are UTF-8.
    lines = text.split("\n", 2)
    named = next(index for index, line in enumerate(lines) if line.lstrip().startswith("#") and _NAMED.search(line))
    lines[named] = _NAMED.sub(r"\1utf-8", lines[named], count=1)
    return "\n".join(lines)
