"""A sweep in parts: dealt out by seconds, and merged only when it is whole and of one piece."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from qeff_codegen.cli.main import main
from qeff_codegen.coverage.family_result import REFUSED, FamilyResult
from qeff_codegen.coverage.swept import IMAGES, TEXT, Swept
from qeff_codegen.errors import UsageError
from qeff_codegen.sweep.shards import Shard, read_parts, what_is_missing, write_part

FAMILIES = tuple("abcdefgh")
SECONDS = {"a": 30.0, "b": 10.0, "c": 10.0, "d": 10.0, "e": 1.0, "f": 1.0, "g": 1.0}


def dealt(count: int, seconds: dict[str, float]) -> list[tuple[str, ...]]:
    return [Shard(number, count).of(FAMILIES, seconds) for number in range(1, count + 1)]


def test_parts_take_as_long_as_each_other() -> None:
    # `h` was never measured, and counts as the median: 10 seconds.
    assert dealt(2, SECONDS) == [("a", "h"), ("b", "c", "d", "e", "f", "g")]


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("seconds", [SECONDS, {}])
def test_every_family_is_in_exactly_one_part(count: int, seconds: dict[str, float]) -> None:
    assert sorted(family for part in dealt(count, seconds) for family in part) == sorted(FAMILIES)


def written(folder: Path, number: int, count: int, families: tuple[str, ...], task: str = TEXT) -> Path:
    results = [FamilyResult(family, REFUSED, rule="anatomy", reason="why") for family in families]
    return write_part(Shard(number, count), task, Swept("9.8.7", 3, tuple(results)), folder)


def test_what_is_missing_is_said_with_the_command_that_finds_it_out(tmp_path: Path) -> None:
    parts = read_parts([written(tmp_path, 1, 3, ("a", "b")), written(tmp_path, 3, 3, ("d",))])
    assert what_is_missing(parts, ("a", "b", "d")) == ""
    assert what_is_missing(parts, ("a", "b", "c", "d")) == (
        "1 of 4 families are in no part: c.\nRun `python -m qeff_codegen sweep --shard 2/3`."
    )


def test_parts_of_image_text_models_say_so(tmp_path: Path) -> None:
    parts = read_parts([written(tmp_path, 1, 2, ("a",), IMAGES)])
    assert what_is_missing(parts, ("a", "b")).endswith(
        "`python -m qeff_codegen sweep --task image-text-to-text --shard 2/2`."
    )
    with pytest.raises(UsageError, match="task is text-generation, not image-text-to-text"):
        read_parts([tmp_path / "sweep-image-text-to-text-1-of-2.json", written(tmp_path, 2, 2, ("b",))])


def test_parts_of_different_sweeps_are_not_merged(tmp_path: Path) -> None:
    first, second = written(tmp_path, 1, 2, ("a",)), written(tmp_path, 2, 2, ("b",))
    document = json.loads(second.read_text())
    document["made_from"]["torch"] = "1.0"
    second.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="torch is 1.0, not"):
        read_parts([first, second])
    with pytest.raises(UsageError, match="both hold a"):
        read_parts([first, first])
    second.write_text("[]")
    with pytest.raises(UsageError, match="is no part of a sweep"):
        read_parts([first, second])


def test_merge_makes_the_pages_of_all_parts_and_of_no_fewer(tmp_path: Path) -> None:
    from qeff_codegen.sweep.run import families_to_sweep

    families = families_to_sweep(())
    paths = [str(written(tmp_path, number, 2, families[number - 1 :: 2])) for number in (1, 2)]
    output = ["--output", str(tmp_path / "docs")]
    half = CliRunner().invoke(main, ["sweep", "--merge", paths[0], *output])
    assert (half.exit_code, (tmp_path / "docs").exists()) == (1, False)
    assert "sweep --shard 2/2" in half.output
    whole = CliRunner().invoke(main, ["sweep", "--merge", *paths, *output])
    assert whole.exit_code == 0, whole.output
    document = json.loads((tmp_path / "docs/coverage.json").read_text())
    assert [item["family"] for item in document[TEXT]["families"]] == sorted(families)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shard", "3/2"], "is no part"),
        (["--shard", "1/2", "--family", "llama"], "divides all families"),
        (["--merge"], "takes the files"),
        ([__file__], "takes the files"),
        (["--merge", __file__, "--shard", "1/2"], "runs nothing"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments: list[str], said: str) -> None:
    outcome = CliRunner().invoke(main, ["sweep", *arguments])
    assert outcome.exit_code == 2 and said in outcome.output
