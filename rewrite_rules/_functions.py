"""Questions about whole functions, from where they are answered."""

from __future__ import annotations

from qeff_codegen.anatomy.bindings import names_standing_for, values_of
from qeff_codegen.anatomy.handed_on import BETWEEN, carried_by_kwargs

__all__ = ["BETWEEN", "carried_by_kwargs", "names_standing_for", "values_of"]
