"""Where a file of an image-text model is about images: the functions that ran, and the names in them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.mutants.edits import FunctionNode, expressions, simple_statements, walk

# What modeling files call features of images on their way, places of images, positions, types, and embeddings.
FEATURES = re.compile(
    r"(image|vision|visual|selected|merged|projected|reshaped|pooled|normed)\w*_(feature|embed|output|state)s?"
    r"|hs_pool|pooler_output|last_hidden_state"
)
PLACES = re.compile(r"special_\w*mask|image_mask")
POSITIONS = re.compile(
    r"\w*position_ids|llm_positions|\w*rope_deltas|\w*position_deltas|delta|current_pos|\w*_pos_ids_list|[THW]_grid"
    r"|cache_length|position_(height|width|temporal)|llm_grid_\w|freqs|cos|sin|grid_thw|mrope_section"
)
TYPES = re.compile(r"\w*token_type\w*|\w*input_type\w*|\w*sequence_ids|is_(previous_)?image|new_image_start|group_ids")
_ABOUT = re.compile(r"pixel|image|vision|visual|scatter|token_type|rope_|mrope|projector|connector|inputs_embeds")


def loads(function: FunctionNode, names: re.Pattern[str]) -> list[ast.expr]:
    """Every read of a name, or of an attribute, that is one of `names`."""
    found = []
    for node in expressions(function):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if names.fullmatch(name) and isinstance(getattr(node, "ctx", None), ast.Load):
            found.append(node)
    return found


def stores(function: FunctionNode, names: re.Pattern[str]) -> list[tuple[ast.stmt, ast.expr]]:
    """Every statement that gives one of `names` a value, and what it gives it to."""
    return [
        (statement, target)
        for statement in simple_statements(function)
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name | ast.Attribute)
        and names.fullmatch(target.id if isinstance(target, ast.Name) else target.attr)
    ]


def calls(function: FunctionNode, *names: str) -> list[ast.Call]:
    """Every call of a function or method of one of these names."""
    return [
        node
        for node in walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in names
    ]


def functions_named(tree: ast.Module, names: frozenset[str]) -> list[tuple[str, FunctionNode]]:
    """Functions and methods of a file that have these qualified names."""
    found: list[tuple[str, FunctionNode]] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.append((node.name, node))
        elif isinstance(node, ast.ClassDef):
            found += [(f"{node.name}.{item.name}", item) for item in node.body if isinstance(item, ast.FunctionDef)]
    return [(name, node) for name, node in found if name in names]


def image_weight(name: str, function: FunctionNode) -> int:
    """How often a function is chosen: what is about images most often, what builds modules least."""
    if name.endswith("__init__"):
        return 1
    return 6 if _ABOUT.search(ast.unparse(function)) else 1


@contextmanager
def functions_that_run(module: Any) -> Iterator[Callable[[], frozenset[str]]]:
    """Watch which functions of a module run, but for those that initialise weights; tells their qualified names."""
    seen: set[str] = set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == module.__file__:
            seen.add(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield lambda: frozenset(name for name in seen if not name.endswith("_init_weights"))
    finally:
        sys.setprofile(before)
