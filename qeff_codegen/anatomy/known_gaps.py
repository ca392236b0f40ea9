"""Say which idea is missing for a model, where its shape is known and no rule has the idea.

Without this it would be refused as well, further on, by whatever rule stumbles over a symptom. Each shape is
recognised by structure, and the refusal names the place.
"""

from __future__ import annotations

from qeff_codegen.anatomy.gap import Finder
from qeff_codegen.anatomy.gaps_around_text import images, several_heads, several_stacks, text_model_elsewhere
from qeff_codegen.anatomy.gaps_in_attention import (
    keys_beside_cache,
    mask_by_values,
    more_rows_than_tokens,
    random_choices,
)
from qeff_codegen.anatomy.gaps_in_cache import keys_along_other_axis, keys_of_other_number
from qeff_codegen.anatomy.gaps_in_layers import (
    hidden_states_kept,
    layers_run_elsewhere,
    no_cache,
    parts_of_layers,
    several_kinds,
    state_beside_cache,
)
from qeff_codegen.anatomy.gaps_in_pattern import keys_chosen, later_tokens_seen, positions_in_groups
from qeff_codegen.anatomy.gaps_in_positions import several_positions
from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.refusing import refusal

# The first that is found is told: another kind of model before all, and what a layer keeps before how it is built.
PATTERNS: tuple[Finder, ...] = (later_tokens_seen, positions_in_groups, keys_chosen)
FINDERS: tuple[Finder, ...] = (
    *PATTERNS,
    keys_along_other_axis,
    keys_of_other_number,
    state_beside_cache,
    hidden_states_kept,
    no_cache,
    text_model_elsewhere,
    images,
    several_heads,
    several_stacks,
    several_kinds,
    layers_run_elsewhere,
    parts_of_layers,
    more_rows_than_tokens,
    several_positions,
    keys_beside_cache,
    mask_by_values,
    random_choices,
)


def refuse_known_gaps(file: ModelingFile, causal_lm: ModelingClass) -> None:
    """Refuse a model that needs an idea which no rule has.

    Raises:
        Refusal: the model has one of the shapes that `FINDERS` look for.
    """
    classes = mentioned(file, causal_lm)
    for find in FINDERS:
        if (gap := find(file, causal_lm, classes)) is not None:
            raise refusal(file, gap.what, gap.line, gap.expected, gap.next_step)
