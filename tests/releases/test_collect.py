"""The collector: which releases, and what it reads from two layouts of the auto tables."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.errors import UsageError
from qeff_codegen.releases import collect, versions
from qeff_codegen.releases.table import Release, parse
from qeff_codegen.releases.versions import last_patches, minor, published_versions
from tests.releases.conftest import ReleaseMaker

# As 4.40 has them: one file for each, pair lists.
OLD = {
    "configuration_auto.py": """\
CONFIG_MAPPING_NAMES = OrderedDict(
    [
        # Add configs here
        ("elm", "ElmConfig"),
        ("sloe", "PlumConfig"),
        ("yew", "YewConfig"),
    ]
)

MODEL_NAMES_MAPPING = OrderedDict(
    [
        ("elm", "Elm"),
    ]
)
""",
    "modeling_auto.py": """\
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(
    [
        # Model for Causal LM mapping
        ("elm", "ElmForCausalLM"),
        ("sloe", "PlumForCausalLM"),
    ]
)

MODEL_FOR_MASKED_LM_MAPPING_NAMES = OrderedDict([("yew", "YewForMaskedLM")])
""",
}
# As 5.24 has them: configurations in a file of their own, updated in another.
NEW = {
    "auto_mappings.py": """\
CONFIG_MAPPING_NAMES = OrderedDict(
    [
        ("elm", "ElmConfig"),
    ]
)
""",
    "configuration_auto.py": """\
from .auto_mappings import CONFIG_MAPPING_NAMES

CONFIG_MAPPING_NAMES.update(
    {
        "damson": "PlumConfig",
    }
)
CONFIG_MAPPING_NAMES = OrderedDict(**{"yew-moe": "YewConfig"}, **CONFIG_MAPPING_NAMES)
""",
    "modeling_auto.py": """\
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("damson", "PlumForCausalLM")])
MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.update({"elm": "ElmForCausalLM"})
""",
}
LISTED = "transformers (5.1.2)\nAvailable versions: 5.1.2, 5.1.0, 5.1.0rc1, 4.57.10, 4.57.9, 4.40.2, 4.39.3\n"


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str, str], list[list[str]]]:
    """Puts an answer in pip's place; gives the list that its commands are added to."""

    def answer(code: int, output: str, error: str) -> list[list[str]]:
        commands: list[list[str]] = []

        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            return subprocess.CompletedProcess(command, code, output, error)

        monkeypatch.setattr(versions.subprocess, "run", run)
        return commands

    return answer


def run_collector() -> Result:
    return CliRunner(catch_exceptions=False).invoke(collect.main, [])


def test_the_last_patch_of_every_minor_release_counts() -> None:
    listed = ["5.10.4", "5.10.10", "5.2.0", "5.2.1rc1", "5.9.0.dev0", "4.57.6", "4.39.3"]
    assert last_patches(listed, "4.40.0") == ["4.57.6", "5.2.0", "5.10.10"]
    assert minor("5.10.4") == minor("5.10.0") != minor("5.1.4")


def test_pip_is_asked_for_versions(pip: Callable[[int, str, str], list[list[str]]]) -> None:
    commands = pip(0, LISTED, "WARNING: pip index is currently an experimental command.\n")
    assert published_versions() == ["5.1.2", "5.1.0", "5.1.0rc1", "4.57.10", "4.57.9", "4.40.2", "4.39.3"]
    assert commands[0][2:5] == ["pip", "index", "versions"]


def test_without_an_index_it_says_so(pip: Callable[[int, str, str], list[list[str]]]) -> None:
    pip(1, "", "WARNING: experimental\nERROR: No matching distribution found for transformers\n")
    with pytest.raises(UsageError) as caught:
        published_versions()
    assert str(caught.value) == (
        "pip could not list the versions of transformers: No matching distribution found for transformers\n"
        "Check the network, and the index that pip is set up with."
    )
    outcome = run_collector()
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == f"Error: {caught.value}\n"


def test_both_layouts_are_read_and_written_as_one_table(
    make_release: ReleaseMaker,
    pip: Callable[[int, str, str], list[list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_release("4.40.2", OLD, {})
    make_release("5.1.2", NEW, {})
    pip(0, "Available versions: 5.1.2, 5.1.0, 4.40.2, 4.39.3\n", "")
    monkeypatch.setattr(collect, "__file__", str(tmp_path / "collect.py"))
    outcome = run_collector()
    path = tmp_path / "families.json"
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout == f"{path}: 2 releases up to 5.1.2, which has 2 causal LMs\n"
    text = path.read_text("utf-8")
    assert parse(text) == (
        Release("4.40.2", {"elm": "ElmForCausalLM", "sloe": "PlumForCausalLM"}, frozenset({"yew"})),
        Release("5.1.2", {"elm": "ElmForCausalLM", "damson": "PlumForCausalLM"}, frozenset({"yew-moe"})),
    )
    run_collector()
    assert path.read_text("utf-8") == text


def test_tables_that_cannot_be_read_are_no_empty_release(make_release: ReleaseMaker) -> None:
    make_release("5.2.0", {**NEW, "modeling_auto.py": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = load()\n"}, {})
    with pytest.raises(UsageError, match="hold no entries this tool can read"):
        collect.collect(["5.2.0"])
