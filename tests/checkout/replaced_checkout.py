"""A clone of the checkout in which generated families stand in the places of hand-written ones."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner

from qeff_codegen.checkout.checkout import open_checkout
from qeff_codegen.checkout.serving_file import serving_file
from qeff_codegen.cli.main import main


def clone(checkout: Path, folder: Path) -> Path:
    """A clone of the checkout's last commit."""
    subprocess.run(["git", "clone", "-q", str(checkout), str(folder)], check=True)
    return folder


def revision(checkout: Path) -> str:
    """The commit that a clone has."""
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def replace_families(checkout: Path, families: Sequence[str]) -> None:
    """Run `apply FAMILY... --replace` in a checkout."""
    text = checkout.parent / "pull_request.md"
    for family in families:
        command = ["apply", family, "--checkout", str(checkout), "--replace", "--pull-request", str(text)]
        result = CliRunner(catch_exceptions=False).invoke(main, command, prog_name="qeff_codegen")
        assert result.exit_code == 0, result.output


def modeling_file(checkout: Path, family: str) -> Path:
    """The file that serves a family there."""
    served = serving_file(checkout, family, open_checkout(checkout).transformers)
    assert served is not None, f"nothing serves {family}"
    return checkout / served.path
