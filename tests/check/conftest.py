"""A small generated folder, made once and copied for every test."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.emit.write import write_models
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.transformers_text import TransformersText, installed_transformers

Run = Callable[..., Result]
GPT2 = "gpt2/modeling_gpt2.py"
RELEASE = find_model("gpt2").version


# The rules are the same in almost every test, so each text needs to be generated once only.
generate_once = cache(generate_model)


@pytest.fixture(autouse=True)
def _generate_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qeff_codegen.generate.many_models.generate_model", generate_once)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blueprint and a model of transformers, as generated."""
    folder = tmp_path_factory.mktemp("pristine") / "generated"
    models = [generate_once(find_model(name)) for name in ("blueprint", "gpt2")]
    write_models(models, folder, force=False, rules_sha256=rules_sha256())
    return folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that a test may damage: `generated`, in the current folder."""
    shutil.copytree(pristine, tmp_path / "generated")
    monkeypatch.chdir(tmp_path)
    return Path("generated")


@pytest.fixture
def run() -> Run:
    """Run `python -m qeff_codegen ARGUMENTS`; a bug's exception is not hidden."""

    def call(*arguments: str) -> Result:
        return CliRunner(catch_exceptions=False).invoke(main, list(arguments), prog_name="python -m qeff_codegen")

    return call


@pytest.fixture
def no_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has neither transformers nor a wheel of it, nor a network."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("qeff_codegen.upstream.transformers_text._is_recorded_as_installed", lambda: False)
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    for variable, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", ""), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(variable, value)


@pytest.fixture
def transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the little of the installed transformers that finding gpt2 reads, in its place."""
    installed, copy = Path(str(installed_transformers().root)), tmp_path / "transformers"
    for name in ("__init__.py", "models/gpt2/modeling_gpt2.py"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(installed / name, copy / name)
    (copy / "models/auto").mkdir()
    for path in (installed / "models/auto").glob("*.py"):
        shutil.copy(path, copy / "models/auto")
    for module in ("qeff_codegen.check.sources", "qeff_codegen.upstream.find"):
        monkeypatch.setattr(f"{module}.installed_transformers", lambda: TransformersText(copy))
    return copy


def edit(path: Path, before: str, after: str) -> None:
    """Replace a text that stands in a file, once."""
    text = path.read_text("utf-8")
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, after), "utf-8")


def mend(run: Run, outcome: Result) -> None:
    """Do what the last line of a report says, and check again."""
    last = outcome.stdout.splitlines()[-1]
    assert last.startswith("mend          "), outcome.stdout
    for command in last.removeprefix("mend          ").split(" && "):
        words = shlex.split(command)
        if words[:2] == ["rm", "-r"]:
            for path in map(Path, words[2:]):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        else:
            assert words[:3] == ["python", "-m", "qeff_codegen"]
            mended = run(*words[3:])
            assert mended.exit_code == 0, mended.output
    again = run("check")
    assert again.exit_code == 0, again.stdout
