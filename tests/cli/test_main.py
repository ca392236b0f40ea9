"""Commands, the bare model name, and how errors end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points, version
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import Result

from qeff_codegen.cli.main import COMMANDS, Commands, main
from qeff_codegen.errors import DifferencesError, Location, QEffCodegenError, Refusal, UsageError
from qeff_codegen.upstream.find import causal_lm_families
from qeff_codegen.upstream.pin import pinned_version

ROOT = Path(__file__).resolve().parents[2]


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that finds the package from any folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )


def test_help_names_every_command_and_the_exit_codes(run: Callable[..., Result]) -> None:
    outcome = run("--help")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("Usage: python -m qeff_codegen ")
    for command in COMMANDS:
        assert f"\n  {command} " in outcome.stdout
    assert "Exit codes: 0 done, 1 differences or mismatch, 2 usage, 3 refused." in outcome.stdout


def test_versions_are_said(run: Callable[..., Result]) -> None:
    outcome = run("--version")
    assert outcome.exit_code == 0
    assert outcome.stdout == f"qeff_codegen {version('qeff_codegen')}, for transformers {pinned_version()}\n"


def test_the_installed_command_is_the_module() -> None:
    scripts = entry_points(group="console_scripts", name="qeff_codegen")
    assert {script.load() for script in scripts} == {main}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_found_under_its_name(command: str) -> None:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    assert found.name == command


def test_a_bare_name_is_generated(run: Callable[..., Result], tmp_path: Path) -> None:
    bare = run("blueprint", "--output", "bare")
    explicit = run("generate", "blueprint", "--output", "explicit")
    assert (bare.exit_code, explicit.exit_code) == (0, 0)
    assert bare.stdout == explicit.stdout.replace("explicit", "bare")
    code = "blueprint/modeling_blueprint.py"
    assert (tmp_path / "bare" / code).read_bytes() == (tmp_path / "explicit" / code).read_bytes()


def test_options_may_stand_before_the_bare_name(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("--output", "here", "blueprint").exit_code == 0
    assert (tmp_path / "here" / "manifest.json").is_file()


@pytest.mark.parametrize(("word", "meant"), [("valdate", "validate"), ("generat", "generate"), ("inspekt", "inspect")])
def test_a_misspelled_command_is_no_model_name(
    run: Callable[..., Result], tmp_path: Path, word: str, meant: str
) -> None:
    outcome = run(word, "blueprint")
    assert outcome.exit_code == 2
    assert f"Error: No such command `{word}`. Did you mean `{meant}`?" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_model_is_taken_for_a_misspelled_command() -> None:
    group = Commands("main")
    for name in ("blueprint", *causal_lm_families()):
        group.parse_args(click.Context(group), [name])


def test_an_unknown_option_is_misuse(run: Callable[..., Result]) -> None:
    outcome = run("blueprint", "--colour")
    assert outcome.exit_code == 2
    assert "Error: No such option '--colour'." in outcome.stderr


REFUSED = Refusal(
    "two cache calls",
    rule="anatomy",
    location=Location("models/toy.py", 7, "    cache.update()"),
    expected="one",
    next_step="wait",
)


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (UsageError("nothing here.\nGo there."), 2, "Error: nothing here.\nGo there.\n"),
        (DifferencesError("edited by hand"), 1, "Error: edited by hand\n"),
        (
            REFUSED,
            3,
            "Error: refused by anatomy: two cache calls\n  at       models/toy.py:7\n"
            "  source   cache.update()\n  expected one\n  next     wait\n",
        ),
    ],
)
def test_an_error_is_one_message_and_an_exit_code(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: QEffCodegenError, code: int, shown: str
) -> None:
    def fail(name: str, **_: object) -> None:
        raise error

    monkeypatch.setattr("qeff_codegen.upstream.find.find_model", fail)
    outcome = run("inspect", "toy")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (code, "", shown)


def test_ctrl_c_ends_with_130_and_no_traceback(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(name: str, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qeff_codegen.upstream.find.find_model", stop)
    outcome = run("inspect", "toy")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (130, "", "\nStopped.\n")


def test_a_bug_keeps_its_traceback(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, **_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("qeff_codegen.cli.generate.find_model", fail)
    with pytest.raises(ZeroDivisionError):
        run("toy")


def test_the_module_runs_and_a_users_mistake_shows_no_traceback(tmp_path: Path) -> None:
    outcome = python("-m", "qeff_codegen", "../llama", cwd=tmp_path)
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert "../llama" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_generating_imports_neither_torch_nor_transformers_nor_rich(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from qeff_codegen.cli.main import main\n"
        "main(['llama'], standalone_mode=False)\n"
        "print('imported', sorted({'torch', 'transformers', 'onnx', 'rich'} & set(sys.modules)))\n"
    )
    outcome = python("-c", program, cwd=tmp_path)
    assert outcome.stdout.splitlines()[-1] == "imported []", outcome.stderr
    assert (tmp_path / "generated" / "llama" / "modeling_llama.py").is_file()


def test_help_does_not_import_the_engine(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from qeff_codegen.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print('imported', sorted({'libcst', 'black', 'torch', 'transformers'} & set(sys.modules)))\n"
    )
    assert python("-c", program, cwd=tmp_path).stdout.splitlines()[-1] == "imported []"


@pytest.mark.parametrize("arguments", [(), ("--source", "inspectr1"), ("--source=inspectr1",)])
def test_a_folder_with_a_name_like_a_command_is_no_misspelling(
    run: Callable[..., Result], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "inspectr1").mkdir()
    outcome = run("inspectr1", *arguments)
    assert "No such command" not in outcome.stderr
    assert outcome.stderr.startswith("inspectr1: ")


def test_a_name_like_a_command_may_be_given_to_a_source(run: Callable[..., Result]) -> None:
    assert "nowhere does not exist" in run("inspectr1", "--source", "nowhere").stderr
    assert "No such command `inspectr1`" in run("inspectr1").stderr


@pytest.mark.parametrize(
    ("words", "begun", "completed"),
    [
        ([], "insp", ["inspect"]),
        (["validate"], "--wei", ["--weights"]),
        (["review", "llama"], "--for", ["--format"]),
        (["llama"], "--for", ["--force", "--format"]),
    ],
)
def test_a_shell_completes_commands_and_options(words: list[str], begun: str, completed: list[str]) -> None:
    assert completions(words, begun) == completed


def completions(words: list[str], begun: str) -> list[str]:
    shell = BashComplete(main, {}, "qeff_codegen", "_QEFF_CODEGEN_COMPLETE")
    return sorted(item.value for item in shell.get_completions(words, begun) if item.type == "plain")


@pytest.mark.parametrize("words", [[], ["inspect"], ["llama"], ["review"], ["sweep", "--family"]])
def test_a_shell_completes_names_of_upstream(words: list[str]) -> None:
    found = completions(words, "qwen2")
    assert {"qwen2", "qwen2_moe", "qwen2_vl"} < set(found)
    assert all(name.startswith("qwen2") for name in found)


@pytest.mark.parametrize("command", ["validate", "check", "compile"])
def test_a_shell_completes_names_of_what_is_generated(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = tmp_path / "own" / "manifest.json"
    manifest.parent.mkdir()
    entry = json.loads((Path(__file__).parents[2] / "generated" / "manifest.json").read_text())["models"]["llama"]
    manifest.write_text(json.dumps({"models": {"plum": entry}, "pytorch_transforms_sha256": None}))
    assert completions([command, "--generated", "own"], "pl") == ["plum"]
    manifest.write_text("{")
    assert completions([command, "--generated", "own"], "pl") == []


def test_a_shell_completes_packaged_weights_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shell = BashComplete(main, {}, "qeff_codegen", "_QEFF_CODEGEN_COMPLETE")

    def types(command: str, begun: str) -> set[str]:
        return {item.type for item in shell.get_completions([command], begun)}

    # Bash's function takes files for all that there is.
    assert completions(["infer"], "smol") == ["smollm2"] and types("infer", "smol") == {"plain"}
    assert {"smollm2", "smollm3"} <= set(completions(["compile"], "smol")) and types("compile", "smol") == {"plain"}
    assert types("infer", "weights/") == types("compile", "weights/") == {"file"}
