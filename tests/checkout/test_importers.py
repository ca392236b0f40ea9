"""Who imports from a module of a checkout, among whatever else stands in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.checkout.checkout import Checkout
from qeff_codegen.checkout.importers import importers

STATEMENT = "from fruit.modeling_fig import Fig\n"


def found(root: Path) -> list[str]:
    return [str(item) for item in importers(root, "fruit.modeling_fig", Checkout(root, "1.0").read)]


def put(path: Path, content: bytes = STATEMENT.encode()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_what_python_cannot_read_is_left_out(tmp_path: Path) -> None:
    put(tmp_path / "user.py")
    put(tmp_path / "latin.py", b"# \xe9\n" + STATEMENT.encode())
    put(tmp_path / "broken.py", STATEMENT.encode() + b"def f(:\n")
    assert found(tmp_path) == ["user.py:1"]


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    put(tmp_path / "user.py", STATEMENT.encode("utf-8-sig"))
    assert found(tmp_path) == ["user.py:1"]


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta/history"])
def test_environments_are_left_out(tmp_path: Path, mark: str) -> None:
    put(tmp_path / "qeff_env/lib/user.py")
    assert found(tmp_path) == ["qeff_env/lib/user.py:1"]
    put(tmp_path / "qeff_env" / mark, b"")
    assert found(tmp_path) == []


def test_a_checkout_that_is_an_environment_itself_is_read(tmp_path: Path) -> None:
    put(tmp_path / "pyvenv.cfg", b"")
    put(tmp_path / "user.py")
    assert found(tmp_path) == ["user.py:1"]
