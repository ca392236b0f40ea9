"""What comes of every variation: `python -m tests.variations`, or of those whose name or kind has a word."""

from __future__ import annotations

import sys

import torch

from tests.variations.bench import examine, original
from tests.variations.judge import complaint
from tests.variations.kinds import KINDS, runs_of


def main(word: str = "") -> None:
    """Print one line for each, and what is wrong with it."""
    torch.set_num_threads(1)
    for kind, variations in KINDS.items():
        for variation in variations:
            if word not in f"{kind}: {variation.name}":
                continue
            outcome = examine(variation.of(original().source), runs_of(kind))
            if outcome.refusal is not None:
                place = outcome.refusal.location
                said = f"refused by {outcome.refusal.rule} at {place and place.line}: {outcome.refusal.what}"
            else:
                said = outcome.difference or "equal"
            print(f"{kind}: {variation.name} ({variation.expected}): {said}", flush=True)
            wrong = complaint(variation, outcome, original().source)
            if wrong:
                print(f"    WRONG: {wrong}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
