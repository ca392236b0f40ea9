"""Compute the rotation of every position once, and gather it by `position_ids`.

`__init__` never runs on a QEff class, so the tables are made in `__qeff_init__`, by upstream's own forward: whatever
its arithmetic and its scaling, the rows are upstream's. Upstream's decorator for dynamic RoPE looks at the longest
position of a call. For `longrope` that choice stays, between two stretches of the table; the others do not change
within `max_position_embeddings`, which is as far as the table goes; where there is one type of RoPE alone, and no such
setting, to a limit of the runtime's. The same two stretches serve a forward that makes the choice itself. A rotary
embedding with frequencies of its own for each layer type has a pair of tables for each. Where an image's tokens have
positions of several kinds, each feature takes the row of its own kind. One that keeps tables of its
own for all positions, as older ones do, gives them whole, and attention indexes them.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Part
from qeff_codegen.anatomy.each_position import depends_on_more, number_of_kinds
from qeff_codegen.anatomy.frequency_growth import grows_beyond_positions
from qeff_codegen.anatomy.kept_tables import inherited, kept_tables, rows_depend_on_length, rows_for_positions
from qeff_codegen.anatomy.longest_position import longest_taken, refuses_layer_types
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters
from qeff_codegen.anatomy.position_kinds import SECTIONS
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.scaled_rotation import keeps_no_configuration, rotation_scaled
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.errors import Refusal
from qeff_codegen.patterns.match import find_in, match
from rewrite_rules.rewrite.positions._rotary_methods import (
    COMPLEX,
    COS_AND_SIN,
    PER_LAYER_TYPE,
    SECTIONED,
    whole_tables,
)
from rewrite_rules.vocabulary import pattern

ARGUMENTS = ("x", "position_ids")
ARGUMENTS_PER_TYPE = ("x", "position_ids", "layer_type")
# What some forwards still take, and no longer read.
LENGTH = "seq_len"
DYNAMIC = pattern("dynamic_rope_update")
DECORATOR = pattern("{torch.no_grad(), dynamic_rope_update}")
PAIR, ONE = pattern("return $cos, $sin"), pattern("return $rotation")
POLAR = pattern("$rotation = torch.polar(torch.ones_like(...), ...)")
TYPE, FREQUENCIES_OF_TYPE = pattern("self.rope_type[layer_type]"), pattern('f"{layer_type}_inv_freq"')
# When a rotation chooses between two stretches, and where a release keeps the length of the original context: in the
# rotation's parameters, or beside them.
BY_DECORATOR, BY_FORWARD = 'self.rope_type == "longrope"', 'self.rope_type != "default"'
ORIGINAL = 'self.config.rope_parameters["original_max_position_embeddings"]'
BESIDE = 'getattr(self.config, "original_max_position_embeddings", self.config.max_position_embeddings)'
# How many positions there are; a configuration that does not say so may be told, by the same name.
LIMIT = "max_position_embeddings"
POSITIONS, POSITIONS_OR_DEFAULT = f"self.config.{LIMIT}", f'getattr(self.config, "{LIMIT}", ROTARY_POSITIONS)'
KEPT = ("cos_cached", "sin_cached")
ONLY_DEFAULT = pattern("""
if self.rope_type != "default":
    raise $_
""")


class RotaryTables(Rule):
    why = "cos and sin are computed once for the whole context and gathered by position: two tables in the graph."
    roles = (Role.ROTARY_EMBEDDING,)
    construct = (
        "`forward(self, x, position_ids)` that returns cos and sin, or their complex number, row by row, from "
        "`self.inv_freq`; or `forward(self, x, seq_len)` that returns the first rows of tables with one for each "
        "position"
    )

    def apply(self, draft: Draft) -> None:
        file, parts = draft.anatomy.file, draft.anatomy.parts(Role.ROTARY_EMBEDDING)
        for part in parts:
            kept = kept_tables(file, part.cls)
            if problem := _problem(file, part) if kept is None else _problem_of_kept(file, part.cls):
                raise Refusal(
                    f"`{part.name}{'.forward' if kept is None else ''}` {problem}",
                    rule=self.id,
                    location=file.location((part.cls.forward or part.cls.node).lineno),
                    expected=self.construct,
                    next_step=self.next_step,
                )
            made = _methods(draft, part) if kept is None else whole_tables(kept.cos, kept.sin, kept.four_axes)
            for method in made:
                draft.add_method(part.name, method, self.id)
        draft.matches[self.id] = len(parts)


def _problem(file: ModelingFile, part: Part) -> str:
    """What makes a rotation depend on more than each position by itself; empty if nothing does."""
    cls = rotation_scaled(file, part.cls) or part.cls
    forward = cls.forward or part.forward
    if _arguments(forward) not in (ARGUMENTS, ARGUMENTS_PER_TYPE):
        return "takes other arguments than `x`, `position_ids` and at most `layer_type`"
    if _arguments(forward) == ARGUMENTS_PER_TYPE and not _keeps_frequencies_per_type(cls):
        return "takes `layer_type` and does not keep `self.<layer type>_inv_freq` for each"
    if not _returns_pair(forward) and not _returns_complex(forward):
        return "does not return cos and sin"
    if not all(match(DECORATOR, item) for item in forward.decorator_list):
        return "wears a decorator that may hide behaviour"
    known = [item for item in (longest_taken(cls), grows_beyond_positions(cls)) if item is not None]
    use = depends_on_more(forward, known, cls.methods)
    return "" if use is None else f"depends on more than each position: `{spelled(use).splitlines()[0]}`"


def _problem_of_kept(file: ModelingFile, cls: ModelingClass) -> str:
    """Why tables that a rotation keeps may not be those of all positions; empty if they are."""
    use = rows_depend_on_length(file, cls)
    if use is not None:
        return f"makes other rows for another number of them: `{spelled(use).splitlines()[0]}`"
    return "" if rows_for_positions(file, cls) else "may have fewer rows than the model has positions"


def _methods(draft: Draft, part: Part) -> tuple[str, str]:
    """`__qeff_init__`, which makes the tables, and `forward`, which gathers from them."""
    file = draft.anatomy.file
    kinds = number_of_kinds(part.forward) if SECTIONS in parameters(draft.anatomy.causal_lm.forward) else None
    if _arguments(part.forward) == ARGUMENTS_PER_TYPE:
        methods = PER_LAYER_TYPE
    else:
        methods = COMPLEX if _returns_complex(part.forward) else COS_AND_SIN if kinds is None else SECTIONED
    is_dynamic = any(match(DYNAMIC, item) for item in part.forward.decorator_list)
    chooses = BY_FORWARD if longest_taken(part.cls) is not None else BY_DECORATOR if is_dynamic else None
    made = part.cls.methods.get("__init__")
    only_default = made is not None and any(match(ONLY_DEFAULT, node) for node in made.body)
    says_limit = any(node.attr == LIMIT for node in find(ast.Attribute, part.cls.node))
    positions = POSITIONS_OR_DEFAULT if only_default and not says_limit else POSITIONS
    made_of, called = methods.written(
        positions=f"self.{LIMIT}" if keeps_no_configuration(file, part.cls) else positions,
        original=BESIDE if _knows_no_parameters(part.cls) else ORIGINAL,
        chooses=None if only_default else chooses,
        kinds=kinds or "",
    )
    if any(inherited(file, part.cls, name) is not None for name in KEPT):
        # Releases that give their own tables up have properties by those names.
        made_of, called = (text.replace("_cached", "_table") for text in (made_of, called))
    return made_of, called


def _knows_no_parameters(cls: ModelingClass) -> bool:
    """Whether a class is of a release whose configuration has `rope_scaling`, and no `rope_parameters` yet."""
    attributes = {node.attr for node in find(ast.Attribute, cls.node)}
    return "rope_scaling" in attributes and "rope_parameters" not in attributes


def _arguments(forward: ast.FunctionDef) -> tuple[str, ...]:
    """What forward takes and reads; a layer type that it only refuses is none of it, and neither is a length."""
    if refuses_layer_types(forward):
        return parameters(forward)[:2]
    read = {node.id for node in find(ast.Name, forward)}
    return tuple(name for name in parameters(forward) if name != LENGTH or name in read)


def _keeps_frequencies_per_type(cls: ModelingClass) -> bool:
    """`self.rope_type` is a dictionary by layer type, and each has `self.<layer type>_inv_freq`."""
    return any(find_in(TYPE, cls.node)) and any(find_in(FREQUENCIES_OF_TYPE, cls.node))


def _returns_pair(forward: ast.FunctionDef) -> bool:
    last = forward.body[-1]
    return match(PAIR, last.body[-1] if isinstance(last, ast.With) else last) is not None


def _returns_complex(forward: ast.FunctionDef) -> bool:
    """Whether the one name that is returned was made by `torch.polar`."""
    returned = match(ONE, forward.body[-1])
    made = (found for node in find(ast.Assign, forward) if (found := match(POLAR, node)) is not None)
    return returned is not None and any(found.spelled("rotation") == returned.spelled("rotation") for found in made)
