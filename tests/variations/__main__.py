"""What comes of every variation: `python -m tests.variations`, or of those whose name or kind has a word."""

from __future__ import annotations

import sys

import torch

from tests.variations.bench import examine, original
from tests.variations.kinds import KINDS, runs_of


def main(word: str = "") -> None:
    """Print one line for each."""
    torch.set_num_threads(1)
    for kind, variations in KINDS.items():
        for variation in variations:
            if word not in f"{kind}: {variation.name}":
                continue
            outcome = examine(variation.of(original().source), runs_of(kind))
            if outcome.refusal is not None:
                place = outcome.refusal.location
                lines = sorted(variation.changed_lines(original().source))
                where = f"{place.line if place else None} {lines[:6]}"
                said = f"refused by {outcome.refusal.rule} at {where}: {outcome.refusal.what}"
            else:
                said = outcome.difference or "equal"
            print(f"{kind}: {variation.name} ({variation.expected}): {said}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
