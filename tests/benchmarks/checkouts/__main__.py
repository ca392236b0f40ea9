"""Print the exports side by side: `python -m tests.benchmarks.checkouts FAMILY...`.

QEFFICIENT_CHECKOUT names the checkout with hand-written files, QEFFICIENT_GENERATED the one in which `apply --replace`
has put the generated ones in their place, QEFFICIENT_PYTHON the interpreter for both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from qeff_codegen.checkout.interpreter import VARIABLE
from tests.benchmarks.checkouts.comparing import Comparison, compare

HANDWRITTEN, GENERATED = "QEFFICIENT_CHECKOUT", "QEFFICIENT_GENERATED"


def main() -> None:
    """Compare each family; ratios are generated / hand-written, and the goal of each is at most 1."""
    missing = [name for name in (HANDWRITTEN, GENERATED, VARIABLE) if not os.environ.get(name)]
    if missing or not sys.argv[1:]:
        sys.exit(f"{__doc__}\nNot set: {', '.join(missing) or 'nothing'}. Families given: {len(sys.argv) - 1}.")
    handwritten, generated, python = (Path(os.environ[name]) for name in (HANDWRITTEN, GENERATED, VARIABLE))
    for family in sys.argv[1:]:
        print(described(compare(family, handwritten, generated, python)), flush=True)


def described(found: Comparison) -> str:
    """One family's comparison, on two lines."""
    operators = ", ".join(f"{operator} {more:+}" for operator, more in found.operators.items())
    return (
        f"{found.family}: nodes {found.nodes:.2f}, export {found.export:.2f}, decode {found.decode:.2f}; "
        f"not the same: {', '.join(found.differing) or 'nothing'}\n  operators: {operators or 'the same'}"
    )


if __name__ == "__main__":
    main()
