"""What a folder must hold to be a checkout, and which transformers release it is made for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qeff_codegen.checkout.checkout import open_checkout
from qeff_codegen.errors import UsageError


def test_the_pinned_release(checkout: Path) -> None:
    assert open_checkout(checkout).transformers == "9.8.7"


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere is no checkout of .*: it is no folder, so it has no QEfficient/"):
        open_checkout(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["pyproject.toml", "QEfficient/transformers/models/pytorch_transforms.py"])
def test_something_else(checkout: Path, name: str) -> None:
    (checkout / name).unlink()
    with pytest.raises(UsageError, match=f"is no checkout of quic/efficient-transformers: it has no {name}"):
        open_checkout(checkout)


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("[project]\ndependencies = ['transformers>=5.5']\n", "should pin one release of transformers.*and pins none"),
        ("[project]\ndependencies = ['transformers==5.*']\n", "pins none"),
        ("[project]\ndependencies = ['transformers_x==5.5.4']\n", "pins none"),
        (
            "[project]\ndependencies = [\"transformers==5.5.4; python_version<'3.9'\", 'transformers==5.6.0']\n",
            "pins several: 5.5.4, 5.6.0",
        ),
        ("[project]\nname = 'x'\n", r"has no list \[project\].dependencies"),
        ("[project]\ndependencies = 3\n", r"has no list \[project\].dependencies"),
        ("[project\n", "pyproject.toml cannot be read: "),
    ],
)
def test_no_pin(checkout: Path, project: str, message: str) -> None:
    (checkout / "pyproject.toml").write_text(project)
    with pytest.raises(UsageError, match=re.compile(message, re.S)):
        open_checkout(checkout)


@pytest.mark.parametrize("spelled", ["transformers == 5.5.4", "Transformers===5.5.4", "transformers[torch]==5.5.4"])
def test_spellings_of_a_pin(checkout: Path, spelled: str) -> None:
    (checkout / "pyproject.toml").write_text(f'[project]\ndependencies = ["numpy", "{spelled}"]\n')
    assert open_checkout(checkout).transformers == "5.5.4"
