"""Print the exports side by side: `python -m tests.benchmarks.checkouts FAMILY...`.

QEFFICIENT_CHECKOUT names the checkout with hand-written files, QEFFICIENT_GENERATED the one in which `apply --replace`
has put the generated ones in their place, QEFFICIENT_PYTHON the interpreter for both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from qeff_codegen.checkout.interpreter import VARIABLE
from tests.benchmarks.checkouts.comparing import compare

HANDWRITTEN, GENERATED = "QEFFICIENT_CHECKOUT", "QEFFICIENT_GENERATED"


def main() -> None:
    """Compare each family; ratios are generated / hand-written, and the goal of each is at most 1."""
    missing = [name for name in (HANDWRITTEN, GENERATED, VARIABLE) if not os.environ.get(name)]
    if missing or not sys.argv[1:]:
        sys.exit(f"{__doc__}\nNot set: {', '.join(missing) or 'nothing'}. Families given: {len(sys.argv) - 1}.")
    handwritten, generated, python = (Path(os.environ[name]) for name in (HANDWRITTEN, GENERATED, VARIABLE))
    table = Table("family", "nodes", "export", "decode", "not the same", "operators more or fewer")
    for family in sys.argv[1:]:
        found = compare(family, handwritten, generated, python)
        operators = ", ".join(f"{operator} {more:+}" for operator, more in found.operators.items())
        ratios = (f"{ratio:.2f}" for ratio in (found.nodes, found.export, found.decode))
        table.add_row(family, *ratios, "; ".join(found.differing) or "nothing", operators)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
