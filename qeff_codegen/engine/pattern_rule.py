"""Rules that are patterns: what they look for and what it becomes, both as code."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import Truth, fold
from qeff_codegen.engine.conditions import Condition, Place, are_met
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from qeff_codegen.patterns.pattern import Pattern
from qeff_codegen.patterns.template import fill


@dataclass(frozen=True)
class Change:
    """What a rule looks for, and what becomes of it.

    Attributes:
        find: a pattern.
        give: code with the same placeholders; empty to take the statements away.
        where: what is asked of what placeholders stand for.
        near: a wider pattern, of expressions; where it matches and `find` does not, the model is refused.
        near_says: what the refusal says is there.
    """

    find: str
    give: str
    where: Mapping[str, Condition] = field(default_factory=dict)
    near: str = ""
    near_says: str = ""

    @cached_property
    def pattern(self) -> Pattern:
        """The pattern, parsed once."""
        return Pattern(self.find)

    @cached_property
    def wider(self) -> Pattern | None:
        """The wider pattern, if there is one."""
        return Pattern(self.near) if self.near else None

    @property
    def expected(self) -> str:
        """What is looked for, in words around the pattern."""
        asked = [f"`${name}` {condition.says}" for name, condition in self.where.items()]
        shown = "; ".join(line.strip() for line in self.find.strip().split("\n"))
        return f"`{shown}`" + (f", where {' and '.join(asked)}" if asked else "")

    def matches(self, place: Place) -> list[Match]:
        """Every place of a function where the change is to be made.

        Raises:
            Unmatched: the wider pattern matches somewhere else.
        """
        found = [item for item in find_all(self.pattern, place.code) if self._is_wanted(item, place)]
        if self.wider is not None:
            known = {id(node) for item in found for node in item.nodes}
            for item in find_all(self.wider, place.code):
                if self._is_wanted(item, place) and id(item.node) not in known:
                    raise Unmatched(self.near_says, item.node)
        return found

    def _is_wanted(self, found: Match, place: Place) -> bool:
        return are_met(self.where, found, place)


class PatternRule(Rule):
    """A rule that says what it looks for and what it gives as code, and needs no other reasoning."""

    changes: ClassVar[tuple[Change, ...]]

    @property
    def construct(self) -> str:
        """What the rule looks for, printed from its patterns."""
        return ", or ".join(change.expected for change in self.changes)

    def applies_to(self, function: Function) -> bool:
        """Whether the function mentions what at least one pattern does."""
        if function.added or function.role not in self.roles:
            return False
        words = function.code.identifiers
        return any((change.wider or change.pattern).identifiers <= words for change in self.changes)

    @property
    def chooses_by(self) -> str:
        """Also what the patterns mention."""
        mentioned = [sorted((change.wider or change.pattern).identifiers) for change in self.changes]
        return f"{super().chooses_by} {mentioned}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        """Make every change wherever it matches, from the inside out."""
        place = Place(function.code, anatomy.file.classes.get(function.owner or ""), anatomy)
        edits = Edits(function.code)
        count = 0
        for change in self.changes:
            for found in reversed(change.matches(place)):
                make(edits, found, change.give)
                count += 1
        return edits.done(), count


class FactsRule(Rule):
    """A rule that knows the truth of conditions, and drops the branches that can then never run.

    Attributes:
        facts: for each pattern of a condition whether it holds; the first that matches decides.
        where: what is asked of what placeholders stand for.
    """

    facts: ClassVar[Mapping[str, bool]]
    where: ClassVar[Mapping[str, Condition]] = {}

    @property
    def construct(self) -> str:
        """The conditions, printed from their patterns."""
        return "a condition on " + " or ".join(f"`{text}`" for text in self.facts)

    @cached_property
    def _known(self) -> list[tuple[Pattern, bool]]:
        return [(Pattern(text), truth) for text, truth in self.facts.items()]

    def applies_to(self, function: Function) -> bool:
        """Whether the function mentions what at least one condition does."""
        if function.added or function.role not in self.roles:
            return False
        return any(pattern.identifiers <= function.code.identifiers for pattern, _ in self._known)

    @property
    def chooses_by(self) -> str:
        """Also what the conditions mention."""
        return f"{super().chooses_by} {[sorted(pattern.identifiers) for pattern, _ in self._known]}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        """Fold the conditions that are known."""
        place = Place(function.code, anatomy.file.classes.get(function.owner or ""), anatomy)
        return fold(function.code, self.truth(place))

    def truth(self, place: Place) -> Truth:
        """What is known of the conditions in a function."""

        def of(test: ast.expr) -> bool | None:
            for pattern, known in self._known:
                found = match(pattern, test, place.code.aliases)
                if found is not None and are_met(self.where, found, place):
                    return known
            return None

        return of


def make(edits: Edits, found: Match, give: str) -> None:
    """Put what a template gives in the place of a match."""
    first = found.node
    holder = edits.code.parent(first)
    if isinstance(first, ast.expr) and (give or not isinstance(holder, ast.Expr)):
        edits.replace(first, fill(give, found, edits))
        return
    nodes = (holder,) if isinstance(first, ast.expr) else found.nodes
    statements = [node for node in nodes if isinstance(node, ast.stmt)]
    if give:
        edits.replace_statements(statements, fill(give, found, edits))
    else:
        for statement in statements:
            edits.remove(statement)
