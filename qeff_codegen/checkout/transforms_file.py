"""What QEfficient's `pytorch_transforms.py` says, and on which lines: its imports, and the mapping of each transform.

Nothing is changed here and nothing imported: the file is text, read with LibCST.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from qeff_codegen.checkout.module_mapping import MAPPING, Entry, ModuleMapping, Obstacle, Positions, module_mapping
from qeff_codegen.checkout.python_file import RULE, no_python, tree_of
from qeff_codegen.errors import Location, Refusal


@dataclass(frozen=True)
class Member:
    """One name that a statement imports: what it is called in its module, what here, and its 1-based line."""

    name: str
    local: str
    line: int

    @property
    def spelling(self) -> str:
        """As the statement writes it."""
        return self.name if self.name == self.local else f"{self.name} as {self.local}"


@dataclass(frozen=True)
class ImportStatement:
    """A `from module import ...` statement.

    Attributes:
        module: dotted name.
        members: the names in the order they stand.
        first: its first line, without comments above it; 1-based.
        last: its last line.
        above: the first of the comment lines right above it; `first` when there are none.
        block: statements of one block follow each other with no other statement between them; ruff sorts blocks
            one by one. None for a statement that stands inside another, such as `try`.
        one_a_line: whether every name has a line of its own, with a comma after it.
    """

    module: str
    members: tuple[Member, ...]
    first: int
    last: int
    above: int
    block: int | None
    one_a_line: bool


@dataclass(frozen=True)
class TransformsFile:
    """`pytorch_transforms.py` of a checkout, as far as its edits must know it.

    Attributes:
        path: how messages call it, relative to the checkout.
        lines: its lines, line ends included: joined they are the file.
        newline: the line end that it uses.
        imports: every `from` statement of the module, also those inside of `try`.
        classes: the names of the module's classes, with their lines.
    """

    path: str
    lines: tuple[str, ...]
    newline: str
    imports: tuple[ImportStatement, ...]
    classes: Mapping[str, int]
    _mappings: Mapping[str, ModuleMapping | Obstacle]

    @property
    def text(self) -> str:
        """The file."""
        return "".join(self.lines)

    def mapping(self, transform: str) -> ModuleMapping:
        """The mapping of one transform.

        Raises:
            Refusal: it is not there, or not in the form that edits of whole lines are right for.
        """
        found = self._mappings.get(transform, Obstacle(f"it has no class `{transform}`"))
        obstacle = found.obstacle if isinstance(found, ModuleMapping) else found
        if isinstance(found, ModuleMapping) and obstacle is None:
            return found
        assert obstacle is not None
        line = obstacle.line or self.classes.get(transform, 1)
        raise Refusal(
            f"`{transform}` of {self.path} cannot be given entries: {obstacle.what}",
            rule=RULE,
            location=Location(self.path, line, self.lines[line - 1] if self.lines else ""),
            expected=f"`{MAPPING} = {{` in the class, a line for each entry and its comma, and one for the brace",
            next_step="compare with the file on the checkout's main branch, and bring the mapping back into this form",
        )

    def entries(self, transform: str) -> tuple[Entry, ...]:
        """What can be read of a transform's mapping; nothing where it has none."""
        found = self._mappings.get(transform)
        return found.entries if isinstance(found, ModuleMapping) else ()

    def local_name(self, module: str, name: str) -> str | None:
        """What `name` of `module` is called here; None when it is not imported."""
        for statement in self.imports:
            if statement.module == module:
                for member in statement.members:
                    if member.name == name:
                        return member.local
        return None

    def origin(self, local: str) -> tuple[str, str] | None:
        """Module and name there of what is called `local` here; None when it is imported from nowhere."""
        for statement in self.imports:
            for member in statement.members:
                if member.local == local:
                    return statement.module, member.name
        return None

    def is_taken(self, local: str) -> bool:
        """Whether something is called `local` here already."""
        return self.origin(local) is not None or local in self.classes


def read_transforms_file(text: str, path: PurePosixPath | str) -> TransformsFile:
    """Read the file.

    Args:
        text: its content, line ends as they are.
        path: relative to the checkout, for messages.

    Raises:
        Refusal: it is no Python that can be read.
    """
    lines = tuple(re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text))
    try:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    except cst.ParserSyntaxError as error:
        raise _no_python(text, str(path), error) from error
    positions = wrapper.resolve(PositionProvider)
    module = wrapper.module
    classes = {item.name.value: item for item in module.body if isinstance(item, cst.ClassDef)}
    return TransformsFile(
        str(path),
        lines,
        module.default_newline,
        tuple(_imports(module, positions)),
        {name: positions[item.name].start.line for name, item in classes.items()},
        {name: module_mapping(item, module, positions, lines) for name, item in classes.items()},
    )


def _no_python(text: str, path: str, error: cst.ParserSyntaxError) -> Refusal:
    """Python names the line better than LibCST does."""
    try:
        tree_of(text, path)
    except Refusal as better:
        return better
    return no_python(text, path, error.message, error.raw_line)


def _imports(module: cst.Module, positions: Positions) -> Iterator[ImportStatement]:
    block = 0
    for statement in module.body:
        is_import = isinstance(statement, cst.SimpleStatementLine) and all(
            isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body
        )
        if is_import:
            yield from _import(statement, block, positions)
        else:
            block += 1
            for inner in _inner_lines(statement):
                yield from _import(inner, None, positions)


def _inner_lines(statement: cst.CSTNode) -> Iterator[cst.SimpleStatementLine]:
    """Statements inside of `try` and `if` at the top of the module."""
    if isinstance(statement, cst.ClassDef | cst.FunctionDef):
        return
    for child in statement.children:
        if isinstance(child, cst.SimpleStatementLine):
            yield child
        else:
            yield from _inner_lines(child)


def _import(line: cst.CSTNode, block: int | None, positions: Positions) -> Iterator[ImportStatement]:
    assert isinstance(line, cst.SimpleStatementLine)
    comments = 0
    for leading in reversed(line.leading_lines):
        if leading.comment is None:
            break
        comments += 1
    for part in line.body:
        if not isinstance(part, cst.ImportFrom) or isinstance(part.names, cst.ImportStar) or part.module is None:
            continue
        place = positions[part]
        yield ImportStatement(
            f"{'.' * len(part.relative)}{get_full_name_for_node(part.module)}",
            tuple(
                Member(
                    alias.evaluated_name, alias.evaluated_alias or alias.evaluated_name, positions[alias].start.line
                )
                for alias in part.names
            ),
            place.start.line,
            place.end.line,
            place.start.line - comments,
            block,
            _one_a_line(part.names, place, positions),
        )


def _one_a_line(names: Sequence[cst.ImportAlias], statement: CodeRange, positions: Positions) -> bool:
    before = statement.start.line
    for alias in names:
        line = positions[alias].start.line
        if line == before or not isinstance(alias.comma, cst.Comma) or positions[alias.comma].end.line != line:
            return False
        before = line
    return before < statement.end.line
