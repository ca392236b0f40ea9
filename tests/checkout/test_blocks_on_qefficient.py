"""Attention in blocks on QEfficient's runtime: the logits are those without blocks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from qeff_codegen.checkout.environment import environment_for
from qeff_codegen.cli.main import main
from tests.checkout.conftest import TRANSFORMS
from tests.checkout.qefficient import checkout_to_apply_in, needs_qefficient, qefficient_python

MODES = ("kv", "q", "h", "qkv", "hkv", "hqkv", "bhqkv")
IN_CHECKOUT = Path(__file__).with_name("blocks_in_checkout.py")


def differences(root: Path, folder: Path, family: str) -> dict[str, float]:
    folder.mkdir()
    ran = subprocess.run(
        [qefficient_python(), "-W", "ignore", IN_CHECKOUT, family],
        env=environment_for(root, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split() for line in ran.stdout.splitlines()]
    found = {mode: float(number) for mode, number in (line for line in lines if line[0] in MODES)}
    assert list(found) == list(MODES), ran.stderr[-2000:]
    return found


@needs_qefficient
def test_every_mode_gives_the_logits_without_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout_to_apply_in(tmp_path / "checkout")
    monkeypatch.chdir(tmp_path)
    result = CliRunner(catch_exceptions=False).invoke(main, ["apply", "cohere", "--checkout", str(root)])
    assert result.exit_code == 0, result.output
    assert max(differences(root, tmp_path / "right", "cohere").values()) < 1e-5
    modeling = (root / TRANSFORMS).with_name("cohere") / "modeling_cohere.py"
    text = modeling.read_text()
    wrong = text.replace(
        "scaling=self.scaling,\n                layer_idx", "scaling=1.0,\n                layer_idx", 1
    )
    assert wrong != text
    modeling.write_text(wrong)
    assert min(differences(root, tmp_path / "wrong", "cohere").values()) > 1e-3
