"""Which Python runs a checkout, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.checkout.interpreter import VARIABLE, checkout_python
from qeff_codegen.errors import UsageError


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def interpreter(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_what_is_given_goes_before_the_variable_and_that_before_what_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = interpreter(tmp_path / "qeff_env" / "bin" / "python")
    assert checkout_python(tmp_path, None) == found
    nearer = interpreter(tmp_path / ".venv" / "bin" / "python")
    assert checkout_python(tmp_path, None) == nearer
    named = interpreter(tmp_path / "named" / "python")
    monkeypatch.setenv(VARIABLE, str(named))
    assert checkout_python(tmp_path, None) == named
    given = interpreter(tmp_path / "given" / "python")
    assert checkout_python(tmp_path, given) == given


def test_a_linked_interpreter_stays_the_link(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(interpreter(tmp_path / "usr" / "python"))
    assert checkout_python(tmp_path, None) == python


def test_without_one_every_way_to_name_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as raised:
        checkout_python(tmp_path, None)
    for part in (".venv/bin/python", "qeff_env/bin/python", "--checkout-python", VARIABLE, "README.md"):
        assert part in str(raised.value)
    with pytest.raises(UsageError, match="--checkout-python names .*absent, which does not exist"):
        checkout_python(tmp_path, tmp_path / "absent")
    with pytest.raises(UsageError, match="--checkout-python names .*, which is a folder"):
        checkout_python(tmp_path, tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(UsageError, match=f"{VARIABLE} names"):
        checkout_python(tmp_path, None)
