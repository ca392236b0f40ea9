"""Print all benchmarks: `python -m tests.benchmarks`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from tests.benchmarks import checking, exporting, generating, key_blocks
from tests.benchmarks.smollm2 import measuring


def main() -> None:
    """Measure everything and print one table; ratios are what to quote, since machines differ."""
    export, nodes = exporting.measure()
    table = Table("what", "measured", "goal", "yardstick", "its measure", "ratio")
    for item in (*generating.measure(), *checking.measure(), *export, *key_blocks.measure(), *measuring.measure()):
        table.add_row(
            item.what,
            f"{item.amount:.3g} {item.unit}",
            f"{item.goal:.3g}",
            item.yardstick,
            f"{item.yardstick_amount:.3g} {item.unit}",
            f"{item.ratio:.2f}",
        )
    console = Console(width=140)
    console.print(table)
    console.print(f"Nodes of the exported graph: {nodes}; goal: at most {exporting.NODE_GOAL}.")


if __name__ == "__main__":
    main()
