"""Every translation of our own, by the operator."""

from __future__ import annotations

from qeff_codegen.export.translations import (
    bounds,
    floored_division,
    made_tensors,
    moved_axes,
    places_from_the_end,
    products,
    sums_by_place,
    thresholds,
    types_of_results,
)

_FILES = (
    bounds,
    floored_division,
    made_tensors,
    moved_axes,
    places_from_the_end,
    products,
    sums_by_place,
    thresholds,
    types_of_results,
)
TRANSLATIONS = {operator: translation for file in _FILES for operator, translation in file.TRANSLATIONS.items()}
