"""Charts of pages, for commands that draw some."""

from __future__ import annotations

from importlib.util import find_spec

from qeff_codegen.errors import UsageError


def check_charts(whose: str, without: str) -> None:
    """Makes sure that charts can be drawn, before anything is done.

    Args:
        whose: charts of what, such as `The site's`.
        without: what works all the same.

    Raises:
        UsageError: the package that draws them is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UsageError(
            f"{whose} charts need the package `matplotlib`, which is not installed.\n"
            f"Run `pip install 'qeff_codegen[report]'`; {without}."
        )
