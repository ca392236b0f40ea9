"""Decide the questions for the attention implementation: it is eager.

Flash and SDPA kernels are chosen at run time, from the configuration; the export has eager arithmetic, which all of
them compute. The question may be asked of the configuration, of what `__init__` keeps of it, such as
`self._use_sdpa`, or of a local that holds the answer for a kernel; whether a kernel is installed decides nothing.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.implementation_tables import FLASH_ENABLED, IMPLEMENTATIONS
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.folding import Truth, decided
from qeff_codegen.codemod.names import assigned, values_of
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.conditions import TEXT, Condition, Place
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import FactsRule
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.vocabulary import pattern

# What asks for a kernel, and what older files call the answers that `__init__` keeps.
ASKING = (
    "is_flash_attention_requested",
    "is_flash_attn_2_available",
    "is_flash_attn_greater_or_equal",
    "is_flash_attn_greater_or_equal_2_10",
)
ANSWERS = ("_use_flash_attention_2", "_use_sdpa")
_ASKED = "{" + ", ".join(f"config.{name}" for name in IMPLEMENTATIONS) + "}"
IS_EAGER, IS_OTHER = pattern(f"{_ASKED} == 'eager'"), pattern(f"{_ASKED} == $other")


def _is_of_configuration(node: ast.expr, found: Match, place: Place) -> bool:
    attribute = self_attribute(node)
    if attribute in IMPLEMENTATIONS and place.owner is not None:
        kept = place.owner.assigned.get(attribute, ())
        return bool(kept) and all(spelled(value) == f"config.{attribute}" for value in kept)
    return spelled(node) in {f"self.config.{name}" for name in IMPLEMENTATIONS}


class EagerImplementation(FactsRule):
    why = "The export has one attention implementation, eager; what others would run is never reached."
    roles = CALL_PATH
    names = (*IMPLEMENTATIONS, *ASKING, *ANSWERS, "getattr")
    facts = {
        "$asked == 'eager'": True,
        "$asked != 'eager'": False,
        "$asked == $other": False,
        "$asked != $other": True,
        **{f"{name}(...)": False for name in ASKING},
        FLASH_ENABLED.format(config="self.config"): False,
    }
    where = {"asked": Condition("is the configuration's implementation", _is_of_configuration), "other": TEXT}

    def applies_to(self, function: Function) -> bool:
        """Whether the function asks for the implementation, or for an answer that is kept."""
        asks = not function.code.identifiers.isdisjoint(self.names)
        return asks and not function.added and function.role in self.roles

    def truth(self, place: Place) -> Truth:
        """What is known of the conditions in a function."""
        known = super().truth(place)

        def of(test: ast.expr) -> bool | None:
            found = known(test)
            return _kept_answer(self_attribute(test), place.owner) if found is None else found

        bound = [item for node in place.code.nodes(ast.Assign) if (item := assigned(node)) is not None]
        others = {
            name
            for name, value in bound
            if len(values_of(name, place.code)) == 1 and decided(value, of) is False and _asks(value)
        }
        return lambda test: False if isinstance(test, ast.Name) and test.id in others else of(test)


def _kept_answer(attribute: str | None, owner: ModelingClass | None) -> bool | None:
    """The answer that `__init__` keeps as an attribute, if it asks for the implementation and for nothing else."""
    values = owner.assigned.get(attribute, ()) if owner is not None and attribute is not None else ()
    answers = {
        True if match(IS_EAGER, value) else False if match(IS_OTHER, value) else None
        for value in values
        if isinstance(value, ast.expr)
    }
    return answers.pop() if len(answers) == 1 else None


def _asks(value: ast.expr) -> bool:
    """Whether an expression asks for an implementation by its name."""
    return any(isinstance(node, ast.Attribute) and node.attr in IMPLEMENTATIONS for node in ast.walk(value))
