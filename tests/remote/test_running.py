"""A model's own code runs when the user says so, and what it then computes is what the stages compare."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qeff_codegen.cli import other_release
from qeff_codegen.cli.main import main
from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code import load
from qeff_codegen.remote_code.executed_files import executed_files
from qeff_codegen.remote_code.load import load_remote_classes
from qeff_codegen.remote_code.source import find_remote_source
from qeff_codegen.tiny_models.configurations import variants
from qeff_codegen.tiny_models.remote_family import remote_family
from qeff_codegen.upstream.transformers_text import installed_transformers
from qeff_codegen.validation import family_plan
from tests.remote.boulder import MODELING, NORMS, write_boulder
from tests.remote.conftest import Run
from tests.remote.pebble import CONFIG, configuration, modeling, write_pebble

TRUSTED = "--trust-remote-code"


@pytest.fixture
def base_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each family has its base variant alone, which proves that the whole way is gone."""
    monkeypatch.setattr(family_plan, "variants", lambda family: variants(family)[:1])


def write_and_generate(run: Run, name: str, folder: Path) -> None:
    outcome = run(name, "--source", str(folder))
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.usefixtures("base_only")
@pytest.mark.parametrize("name", ["pebble", "boulder"])
def test_the_printed_command_validates(run: Run, name: str) -> None:
    outcome = run(name, "--source", name)
    command = outcome.stdout.splitlines()[-1].removeprefix("next       python -m qeff_codegen ")
    outcome = run(*command.split())
    assert outcome.exit_code == 0, outcome.output
    assert "Stages 1 to 3 equal in 4 of 4 scenarios." in outcome.stdout


@pytest.mark.usefixtures("base_only")
def test_a_copy_of_a_file_of_transformers_validates(run: Run, tmp_path: Path) -> None:
    """Its relative imports lead into transformers, and its configuration stands there."""
    text = (installed_transformers().root / "models/llama/modeling_llama.py").read_text("utf-8")
    (tmp_path / "modeling_llama.py").write_text(text)
    write_and_generate(run, "copy", tmp_path / "modeling_llama.py")
    outcome = run("validate", "copy", "--source", "modeling_llama.py", TRUSTED)
    assert outcome.exit_code == 0, outcome.output
    assert "Stages 1 to 3 equal in 4 of 4 scenarios." in outcome.stdout


@pytest.mark.usefixtures("base_only")
def test_a_file_in_a_package_is_imported_by_its_name(run: Run, tmp_path: Path) -> None:
    """Generated code imports upstream's classes from the package, so the folder around that is on the path."""
    folder = tmp_path / "stones" / "stones_in_a_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "modeling_pebble.py").write_text(modeling())
    (folder / "configuration_pebble.py").write_text(configuration())
    outcome = run("packed", "--source", str(folder / "modeling_pebble.py"))
    command = outcome.stdout.splitlines()[-1].removeprefix("next       python -m qeff_codegen ")
    code = (tmp_path / "generated/packed/modeling_packed.py").read_text()
    assert "from stones_in_a_package.modeling_pebble import " in code
    outcome = run(*command.split())
    assert outcome.exit_code == 0, outcome.output
    assert "Stages 1 to 3 equal in 4 of 4 scenarios." in outcome.stdout


@pytest.mark.parametrize("command", ["validate", "compile", "infer"])
def test_without_trust_nothing_runs(run: Run, tmp_path: Path, command: str) -> None:
    folder = tmp_path / "boulder"
    (folder / "norms.py").write_text("raise SystemExit('executed')\n" + (folder / "norms.py").read_text())
    write_and_generate(run, "boulder", folder)
    prompt = ["--prompt", "hello"] if command == "infer" else []
    generated = ["--generated", "generated"]
    outcome = run(command, "boulder", "--source", "boulder", *generated, *prompt)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "Error: Running this model executes code that came with it:\n"
        "  boulder/modeling_boulder.py\n"
        "  boulder/configuration_boulder.py\n"
        "  boulder/norms.py\n"
        "Nothing was executed. Read these files; if you trust them, give --trust-remote-code.\n"
    )


def test_options_without_a_source(run: Run) -> None:
    outcome = run("validate", "llama", TRUSTED)
    assert outcome.exit_code == 2
    assert "--class and --trust-remote-code are about the code at --source PATH, which is not given." in outcome.stderr


def test_one_source_is_of_one_model(run: Run) -> None:
    outcome = run("validate", "pebble", "boulder", "--source", "pebble", TRUSTED)
    assert outcome.exit_code == 2
    assert "--source pebble is of one model, and 2 names are given; give one." in outcome.stderr


def test_a_model_that_is_not_generated(run: Run) -> None:
    outcome = run("validate", "pebble", "--source", "pebble", TRUSTED)
    assert outcome.exit_code == 2
    assert "Run `python -m qeff_codegen pebble --source pebble` first." in outcome.stderr


def test_a_model_of_transformers(run: Run) -> None:
    run("gpt2")
    outcome = run("validate", "gpt2", "--source", "pebble", TRUSTED)
    assert outcome.exit_code == 2
    assert "which needs no --source: leave it out." in outcome.stderr


@pytest.mark.parametrize("changed", ["modeling_boulder.py", "norms.py"])
def test_a_text_that_has_changed_since(run: Run, tmp_path: Path, changed: str) -> None:
    write_and_generate(run, "boulder", tmp_path / "boulder")
    path = tmp_path / "boulder" / changed
    path.write_text(
        path.read_text() + "# Changed.\n" if changed.startswith("mod") else path.read_text().replace("1e-6", "1e-5")
    )
    outcome = run("validate", "boulder", "--source", "boulder", TRUSTED)
    assert outcome.exit_code == 2
    assert "boulder is not the text that `boulder` was generated from: generate it again." in outcome.stderr


IMPORTED = "from transformers.activations import ACT2FN\n"


@pytest.mark.parametrize(
    ("line", "said", "next_step"),
    [
        (
            "import no_such_package\n",
            "ModuleNotFoundError: No module named 'no_such_package' (",
            "Install the package `no_such_package` if you trust it",
        ),
        (
            "from transformers.utils import no_such_function\n",
            "ImportError: cannot import name 'no_such_function' from 'transformers.utils'",
            "It was saved with transformers 4.99.0, and {installed} is installed. Run the command with "
            "--transformers 4.",
        ),
        (
            "from .beside import x\n",
            "ModuleNotFoundError: No module named 'qeff_remote_",
            "beside.py is not in its folder: copy it there too.",
        ),
        ("raise RuntimeError('no CUDA')\n", "RuntimeError: no CUDA (", "--transformers 4.99.0"),
    ],
)
def test_code_that_cannot_be_imported(run: Run, tmp_path: Path, line: str, said: str, next_step: str) -> None:
    folder = write_pebble(
        tmp_path / "broken",
        config={"transformers_version": "4.99.0"},
        modeling_pebble=modeling().replace(IMPORTED, IMPORTED + line, 1),
    )
    write_and_generate(run, "broken", folder)
    outcome = run("validate", "broken", "--source", "broken", TRUSTED)
    assert outcome.exit_code == 2
    assert f"broken/modeling_pebble.py cannot be imported: {said}" in outcome.stderr
    assert "modeling_pebble.py:" in outcome.stderr
    assert next_step.format(installed=installed_transformers().version) in outcome.stderr


def test_files_may_import_each_other_by_plain_names(run: Run, tmp_path: Path) -> None:
    """As a script does, with its own folder first on the path; nothing else finds these modules by such names."""
    plain = {
        name: text.replace("from .", "from ") for name, text in (("modeling_boulder", MODELING), ("norms", NORMS))
    }
    plain["norms"] = f"from sizes import EPS\n{plain['norms'].replace('1e-6', 'EPS')}"
    folder = write_boulder(tmp_path / "plain", **plain, sizes="EPS = 1e-6\n")
    write_and_generate(run, "plain", folder)
    code = (tmp_path / "generated/plain/modeling_plain.py").read_text()
    assert "import norms" not in code and "from norms" not in code
    source = find_remote_source("plain", folder, None, tmp_path / "generated")
    found = load_remote_classes(source, trusted=True)
    assert found.causal_lm_class.__name__ == "BoulderForCausalLM"
    assert not {"norms", "sizes", "configuration_boulder"} & set(sys.modules)


def test_a_model_that_cannot_be_made_here(run: Run, tmp_path: Path) -> None:
    text = modeling().replace("self.is_causal = True\n", "self.is_causal = config.no_such_setting\n")
    folder = write_pebble(tmp_path / "broken", modeling_pebble=text)
    write_and_generate(run, "broken", folder)
    outcome = run("validate", "broken", "--source", "broken", TRUSTED)
    assert outcome.exit_code == 2
    assert "No tiny model can be made of PebbleForCausalLM: AttributeError:" in outcome.stderr
    assert "self.is_causal = config.no_such_setting)" in outcome.stderr
    assert "give --transformers VERSION if it is written for another one." in outcome.stderr


def test_what_the_configuration_says_is_the_tiny_models(tmp_path: Path, run: Run) -> None:
    """The class's own defaults are another checkpoint's: what `config.json` says is the model's."""
    write_and_generate(run, "boulder", tmp_path / "boulder")
    source = find_remote_source("boulder", tmp_path / "boulder", None, tmp_path / "generated")
    family = remote_family("boulder", load_remote_classes(source, trusted=True))
    assert family.config_class().attention_multiplier == 0.3
    assert family.config_class(attention_multiplier=0.7).attention_multiplier == 0.7
    assert variants(family)[0].overrides["hidden_size"] == 64


def test_modules_of_two_folders_do_not_meet(tmp_path: Path, run: Run) -> None:
    for name, scale in (("one", "2"), ("two", "3")):
        text = MODELING.replace("config.attention_multiplier", f"config.attention_multiplier * {scale}")
        write_boulder(tmp_path / name, modeling_boulder=text)
        write_and_generate(run, name, tmp_path / name)
        (tmp_path / "generated/pytorch_transforms.py").unlink()
        (tmp_path / "generated/manifest.json").rename(tmp_path / f"{name}.json")
    classes = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").rename(tmp_path / "generated/manifest.json")
        source = find_remote_source(name, tmp_path / name, None, tmp_path / "generated")
        classes.append(load_remote_classes(source, trusted=True))
        (tmp_path / "generated/manifest.json").unlink()
    first, second = (found.causal_lm_class for found in classes)
    assert first.__module__ != second.__module__
    assert first.__module__.endswith(".modeling_boulder")
    assert "one" in str(sys.modules[first.__module__].__file__)


def test_executed_files_follow_imports_between_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from .b import x\nfrom . import d\nimport os, json\n")
    (tmp_path / "b.py").write_text("def f():\n    from .c import y\n")
    (tmp_path / "c.py").write_text("from .a import z\nfrom .not_there import w\n")
    (tmp_path / "d.py").write_text("")
    (tmp_path / "e.py").write_text("")
    (tmp_path / "json.py").write_text("")
    found = executed_files([tmp_path / "a.py"])
    assert [path.name for path in found.files] == ["a.py", "b.py", "d.py", "c.py"]
    assert not found.climbs
    (tmp_path / "d.py").write_text("from ...x import y\n")
    assert executed_files([tmp_path / "a.py"]).climbs


def test_a_link_out_of_the_folder_is_not_executed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "elsewhere.py").touch()
    (folder / "a.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(UsageError, match="a.py is a link to a file outside of its folder: it is not executed"):
        executed_files([folder / "a.py"])


def test_a_class_that_is_not_there_once_it_is_imported(tmp_path: Path, run: Run) -> None:
    names = {**CONFIG["auto_map"], "AutoConfig": "configuration_pebble.Missing"}
    folder = write_pebble(tmp_path / "gone", config={"auto_map": names})
    write_and_generate(run, "gone", folder)
    source = find_remote_source("gone", folder, None, tmp_path / "generated")
    with pytest.raises(UsageError, match="configuration_pebble.py has no class `Missing` once it is imported"):
        load_remote_classes(source, trusted=True)


def test_another_release_runs_the_same_command(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    class Done:
        returncode = 1

    def run(command: list[str], check: bool) -> Done:
        assert not check
        called.append(command)
        return Done()

    monkeypatch.setattr(other_release.subprocess, "run", run)
    monkeypatch.setattr(other_release, "release_python", lambda release: Path(f"/environments/{release}/python"))
    for words in (["--transformers", "5.5.4"], ["--transformers=5.5.4"]):
        monkeypatch.setattr(sys, "argv", ["qeff", "validate", "pebble", *words, "--source", "pebble", TRUSTED])
        outcome = CliRunner().invoke(main, sys.argv[1:])
        assert outcome.exit_code == 1
    expected = [
        "/environments/5.5.4/python",
        "-m",
        "qeff_codegen",
        "validate",
        "pebble",
        "--source",
        "pebble",
        TRUSTED,
    ]
    assert called == [expected, expected]


def test_the_release_that_is_installed_needs_no_other_process() -> None:
    installed = installed_transformers().version
    assert installed is not None
    assert other_release.run_in(installed, ["validate", "--transformers", installed]) is None


def test_a_release_that_generated_code_does_not_run_with() -> None:
    with pytest.raises(UsageError, match=r"does not run with transformers 4\.40\.1: its runtime knows .* of 4\.57\.6"):
        other_release.run_in("4.40.1", ["validate", "--transformers", "4.40.1"])
    assert "--transformers 4.57.6," in load.release_hint("4.40.1")


def test_a_hint_is_not_to_do_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "version", lambda _: "4.57.6")
    assert load.release_hint("4.40.1") == (
        "It was saved with transformers 4.40.1, and 4.57.6 is installed, which is the oldest that generated code runs "
        "with: bring the file to 4.57.6."
    )
