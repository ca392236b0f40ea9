"""What a rule is: an id, a reason, what it must match, and its codemod."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.idle_assignments import without_idle_assignments
from qeff_codegen.codemod.names import NameTaken
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.errors import Refusal
from qeff_codegen.targets.target import Target


class Expect(Enum):
    """How often a rule must match in each class (or module function) of its roles."""

    EXACTLY_ONE = "exactly once"
    AT_LEAST_ONE = "at least once"
    ANY = "any number of times"


class Unmatched(Exception):
    """Raised by a rule's codemod: a construct is there, but not in a form the rule understands.

    The engine turns it into a refusal that says where the construct stands.
    """

    def __init__(self, what: str, node: ast.AST) -> None:
        super().__init__(what)
        self.what = what
        self.node = node


class Rule:
    """One idea, applied to the functions of some roles.

    A subclass lives in a file of its own, which names it: the id is the file's name. It says why (shown to reviewers
    beside every hunk), which roles it reads, and what it looks for; `rewrite` makes the change in one function and
    counts the places.
    """

    why: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    expect: ClassVar[Expect] = Expect.ANY
    # Names of the runtime that the rule introduces and not every target has; where one is missing, it is not run.
    needs: ClassVar[tuple[str, ...]] = ()
    # A function that mentions none of these is passed over: most rules match in few functions.
    names: ClassVar[tuple[str, ...]] = ()
    next_step: ClassVar[str] = "this construct needs a rule of its own before the model can be generated"

    @property
    def construct(self) -> str:
        """What the rule looks for; a property where that is printed from patterns, which only a message needs."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        """The rule's name: that of its file."""
        return type(self).__module__.rsplit(".", 1)[-1]

    @property
    def description(self) -> str:
        """What the rule's file says of it."""
        return inspect.cleandoc(inspect.getmodule(type(self)).__doc__ or "")

    def runs_for(self, target: Target) -> bool:
        """Whether code that goes to `target` needs the rule, and can have what it introduces."""
        return target.has(*self.needs)

    def applies_to(self, function: Function) -> bool:
        """Whether the rule looks into `function`: it has one of its roles, and mentions one of its names, if any."""
        if function.added or function.role not in self.roles:
            return False
        return not self.names or not function.code.identifiers.isdisjoint(self.names)

    @property
    def chooses_by(self) -> str:
        """All that decides which functions the rule looks into, and how often it must match there."""
        roles, names, needs = (sorted(map(str, items)) for items in (self.roles, self.names, self.needs))
        return f"{roles} {names} {needs} {self.expect}"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        """The changed function and the number of places matched."""
        raise NotImplementedError

    def apply(self, draft: Draft) -> None:
        """Rewrite every function of the rule's roles and hold the result against `expect`."""
        counts: dict[str, int] = {}
        for function in [item for item in draft.of(*self.roles) if not item.added]:
            unit = function.owner or function.name
            counts.setdefault(unit, 0)
            if not self.applies_to(function):
                continue
            draft.looked_at.add(self.id)
            try:
                code, matches = self.rewrite(function, draft.anatomy)
            except (Unmatched, NameTaken) as unmatched:
                raise self.refuse(draft, function, unmatched.what, unmatched.node) from None
            if code is not function.code:
                function.replace(without_idle_assignments(function.code, code), self.id)
            counts[unit] += matches
        draft.matches[self.id] = sum(counts.values())
        for unit, count in counts.items():
            if self._satisfied(count):
                continue
            function = next(item for item in draft.functions if unit in (item.owner, item.name) and not item.added)
            raise self.refuse(draft, function, _miscounted(unit, self.expect, count))

    def _satisfied(self, count: int) -> bool:
        if self.expect is Expect.EXACTLY_ONE:
            return count == 1
        return self.expect is Expect.ANY or count >= 1

    def refuse(self, draft: Draft, function: Function, what: str, node: ast.AST | None = None) -> Refusal:
        """A refusal by this rule, placed at `node` in `function`, or at the function itself."""
        return Refusal(
            what,
            rule=self.id,
            location=draft.location(function, node),
            expected=self.construct,
            next_step=self.next_step,
        )


def _miscounted(unit: str, expect: Expect, count: int) -> str:
    found = f"holds {count} of" if count else "holds nothing like"
    return f"`{unit}` {found} what is expected below, which must be there {expect.value}"


@dataclass(frozen=True)
class Broken:
    """One way in which a promise does not hold, and the line to blame.

    Attributes:
        line: the 1-based line of upstream's file, when that is where the promise is broken.
        generated: the 1-based line of the generated file; it is followed back to upstream's for the message.
    """

    what: str
    line: int | None = None
    generated: int | None = None


class Check:
    """A promise about the finished module; breaking it is a refusal.

    Checks read only what was generated, never how it came about.
    """

    promise: ClassVar[str]

    @property
    def id(self) -> str:
        """The check's name: that of its file."""
        return type(self).__module__.rsplit(".", 1)[-1]

    def broken(self, module: FinishedModule) -> list[Broken]:
        """Everything that breaks the promise; empty when it holds."""
        raise NotImplementedError
