"""Print all benchmarks: `python -m tests.benchmarks`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.benchmarks import checking, exporting, generating


def main() -> None:
    """Measure everything and print one table; ratios are what to quote, since machines differ."""
    export, nodes = exporting.measure()
    table = Table("what", "seconds", "goal", "yardstick", "its seconds", "ratio")
    for item in (*generating.measure(), *checking.measure(), *export):
        table.add_row(
            item.what,
            f"{item.seconds:.2f}",
            f"{item.goal_seconds:.1f}",
            item.yardstick,
            f"{item.yardstick_seconds:.2f}",
            f"{item.ratio:.2f}",
        )
    console = Console(width=140)
    console.print(table)
    console.print(f"Nodes of the exported graph: {nodes}; goal: at most {exporting.NODE_GOAL}.")


if __name__ == "__main__":
    main()
