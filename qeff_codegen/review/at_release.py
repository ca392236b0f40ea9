"""Where a reader sees lines of a release of transformers on the web."""

from __future__ import annotations

# Where transformers keeps its releases, each under its tag.
_AT_RELEASE = "https://github.com/huggingface/transformers/blob/v{version}/src/{path}#{lines}"


def at_release(version: str | None, path: str, first: int, last: int) -> str | None:
    """The address of lines `first` to `last`, 1-based, of a file that messages call `transformers/...`.

    None for a file that is in no release.
    """
    if version is None or not path.startswith("transformers/"):
        return None
    return _AT_RELEASE.format(version=version, path=path, lines=f"L{first}-L{last}" if last > first else f"L{first}")
