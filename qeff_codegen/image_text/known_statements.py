"""Forwards in which every statement is known: what is not understood is not left out.

The two programs hold the parts of upstream's forward, each at its place, and no other statement of it. So a forward is
read statement by statement, and the first that is none of those that are expected is the refusal.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.errors import Refusal
from qeff_codegen.patterns.match import Bound, Match, match
from qeff_codegen.patterns.pattern import Pattern

RULE = "image_text"
NEXT = "an image-text model of another kind needs a recogniser in qeff_codegen/image_text"


@dataclass(frozen=True)
class Known:
    """A statement that is expected.

    Attributes:
        name: for messages, and to ask for what matched.
        pattern: what it looks like.
        is_needed: whether it must be there, once; others may be there any number of times.
    """

    name: str
    pattern: Pattern
    is_needed: bool = False


def needed(name: str, pattern: str) -> Known:
    """A statement that must be there."""
    return Known(name, Pattern(pattern), is_needed=True)


def possible(name: str, pattern: str) -> Known:
    """A statement that may be there, and means nothing to an exported program."""
    return Known(name, Pattern(pattern))


def refusal(file: ModelingFile, what: str, line: int, expected: str) -> Refusal:
    """A refusal of this room, placed at a 1-based line of the file."""
    return Refusal(what, rule=RULE, location=file.location(line), expected=expected, next_step=NEXT)


def read_statements(
    file: ModelingFile, where: str, statements: Sequence[ast.stmt], known: Sequence[Known]
) -> dict[str, Match]:
    """What each needed statement matched, by its name.

    Args:
        where: what the statements are of, for messages.
        known: what is expected; placeholders of one name stand for the same throughout.

    Raises:
        Refusal: a statement is none of them, or a needed one is missing or there twice.
    """
    found: dict[str, Match] = {}
    bound: Mapping[str, Bound] = {}
    for statement in statements:
        if _says_nothing(statement) or _is_default_of_configuration(statement):
            continue
        expected, item = _recognised(statement, known, file, bound)
        if expected is None or item is None:
            shown = ast.unparse(statement).split("\n")[0]
            raise refusal(
                file,
                f"`{where}` does more between tokens and logits than to put images among tokens: `{shown}`",
                statement.lineno,
                " | ".join(f"`{wanted.pattern.shown}`" for wanted in known if wanted.is_needed),
            )
        if expected.is_needed:
            if expected.name in found:
                raise refusal(file, f"`{where}` has {expected.name} twice", statement.lineno, "one of them")
            found[expected.name] = item
            bound = {**bound, **item.bound}
    for wanted in known:
        if wanted.is_needed and wanted.name not in found:
            line = statements[0].lineno if statements else 1
            raise refusal(file, f"`{where}` has no {wanted.name}", line, f"`{wanted.pattern.shown}`")
    return found


def _recognised(
    statement: ast.stmt, known: Sequence[Known], file: ModelingFile, bound: Mapping[str, Bound]
) -> tuple[Known | None, Match | None]:
    for expected in known:
        item = match(expected.pattern, statement, file.aliases, bound)
        if item is not None:
            return expected, item
    return None, None


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


_DEFAULT = Pattern("$name = $name if $name is not None else $value")


def _is_default_of_configuration(statement: ast.stmt) -> bool:
    """`x = x if x is not None else self.config.x`, or of the text model's configuration."""
    found = match(_DEFAULT, statement)
    return (
        found is not None
        and bool(found.name("name"))
        and found.spelled("value").replace(".text_config.", ".") == f"self.config.{found.name('name')}"
    )
