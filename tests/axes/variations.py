"""All variations of Blueprint's file that are refused."""

from __future__ import annotations

from tests.axes.attacks import ATTACKS
from tests.axes.hidden_ways import HIDDEN
from tests.axes.mixed_tokens import MIXED
from tests.axes.places_and_counts import BRANCHES, COUNTS, PLACES

VARIATIONS = (*PLACES, *COUNTS, *BRANCHES, *MIXED, *HIDDEN, *ATTACKS)
