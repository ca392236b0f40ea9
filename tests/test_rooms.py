"""The rooms stand in README's table in the order of their imports: each uses those above it and no other."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.imports import ROOT, imports, modules

HEADING = "## The folders, each below what it uses\n"


@cache
def rooms() -> dict[str, int]:
    """The place of every room in README's table, by its path; a room is a folder with all below it, or a file."""
    table = (ROOT / "README.md").read_text("utf-8").split(HEADING)[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    paths = [path.rstrip("/") for cell in first_cells for path in re.findall(r"`([^`]+)`", cell)]
    return {path: place for place, path in enumerate(paths)}


def room_of(path: Path) -> str | None:
    """The innermost room that `path` stands in."""
    around = (place.as_posix() for place in (path, *path.parents))
    return next((place for place in around if place in rooms()), None)


def against_the_order(path: Path, source: str) -> list[str]:
    """Every import of a file that reaches into a room below its own."""
    own = room_of(path)
    if own is None:
        return [f"{path} stands in no room of README's table"]
    found = [(line, imported, room_of(imported)) for line, imported in imports(path, source)]
    return [
        f"{path}:{line} imports {imported}, and {room} is not above {own}"
        for line, imported, room in found
        if room is None or rooms()[room] > rooms()[own]
    ]


def test_every_room_of_the_table_is_there() -> None:
    assert [path for path in rooms() if not (ROOT / path).exists()] == []


def test_a_room_imports_only_from_rooms_above_it() -> None:
    assert [
        line for path in modules().values() for line in against_the_order(path, (ROOT / path).read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("qeff_codegen/engine/draft.py", "from qeff_codegen.emit.write import write_models\n"),
        ("qeff_codegen/engine/draft.py", "def late() -> None:\n    from qeff_codegen.emit import write\n"),
        ("qeff_codegen/engine/draft.py", "if TYPE_CHECKING:\n    import qeff_codegen.emit.write\n"),
        ("qeff_codegen/runtime/key_blocks.py", "from ..export import kv_cache\n"),
        ("rewrite_rules/normalize/masks/one_triangle.py", "from rewrite_rules.rewrite.masks import boolean_mask\n"),
        ("rewrite_rules/vocabulary.py", "from rewrite_rules.normalize.inference import no_loss\n"),
        ("qeff_codegen/new_room/module.py", ""),
    ],
)
def test_an_import_against_the_order_is_noticed(path: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        name.removesuffix(".py").replace("/", "."): Path(name)
        for name in ("rewrite_rules/rewrite/masks/boolean_mask.py", "rewrite_rules/normalize/inference/no_loss.py")
    }
    monkeypatch.setattr("tests.imports.modules", lambda: {**modules(), **known})
    assert len(against_the_order(Path(path), source)) == 1


def test_imports_of_rooms_above_and_of_other_packages_are_none_of_its_business() -> None:
    source = "import torch\nfrom qeff_codegen.errors import Refusal\nfrom qeff_codegen.engine import rule\n"
    assert against_the_order(Path("qeff_codegen/engine/draft.py"), source) == []
