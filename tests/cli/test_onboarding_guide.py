"""The onboarding guide's commands: every one is understood, and those that need neither network nor device run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from qeff_codegen.cli.main import COMMANDS, main
from tests.imports import ROOT

PREFIX = "python -m qeff_codegen "
GUIDE = (ROOT / "docs" / "onboarding_guide.md").read_text("utf-8")
WALKED = re.findall(rf"^{re.escape(PREFIX)}(.*)$", GUIDE, re.MULTILINE)
# By their first words, what each ends with here; the others need a network, a checkout, weights or minutes.
RUN = {
    "compat llama": 0,
    "inspect blueprint": 0,
    "inspect rwkv --all": 3,
    "blueprint": 0,
    "review blueprint": 0,
    "check": 0,
}


def test_the_guide_walks_every_step_to_a_device() -> None:
    words = {command.split()[0] for command in WALKED}
    assert words - {"blueprint"} <= set(COMMANDS)
    assert words >= {"compat", "inspect", "validate", "review", "apply", "infer", "compile", "blueprint"}


@pytest.mark.parametrize("command", WALKED)
def test_every_command_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options and arguments are read, and nothing is run: paths in the guide need not exist."""
    words = shlex.split(command.partition("  #")[0])
    words = words if words[0] in COMMANDS else ["generate", *words]
    found = main.get_command(click.Context(main), words[0])
    assert found is not None
    for parameter in found.params:
        if isinstance(parameter.type, click.Path):
            monkeypatch.setattr(parameter, "type", click.Path(path_type=Path))
    found.make_context(words[0], words[1:])
    with pytest.raises(click.NoSuchOption):
        found.make_context(words[0], [*words[1:], "--colour"])


def test_what_needs_no_network_runs_in_the_guides_order(run: Callable[..., Result]) -> None:
    walked = [command for command in WALKED if command in RUN]
    assert set(RUN) - set(walked) <= {"check"}
    for command in walked:
        outcome = run(*shlex.split(command))
        assert outcome.exit_code == RUN[command], outcome.output
