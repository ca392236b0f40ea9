"""Image-text families in a real checkout of QEfficient: two that come in, and two that take hand-written places."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from qeff_codegen.checkout.checkout import open_checkout
from qeff_codegen.checkout.environment import environment_for
from qeff_codegen.checkout.validate import validate_in_checkout
from qeff_codegen.cli.main import main
from qeff_codegen.errors import UsageError
from qeff_codegen.validation.results import ScenarioResult
from tests.checkout.qefficient import checkout_to_apply_in, needs_qefficient, qefficient_python

pytestmark = needs_qefficient

IN_CHECKOUT = Path(__file__).with_name("image_exports.py")
ADDED = ("got_ocr2", "lighton_ocr")
REPLACED = ("llava", "mistral3")
# In every family; a variant adds "one image" and "an image over chunks".
SCENARIOS = {
    "text alone",
    "one image",
    "an image over chunks",
    "chunks between images",
    "ragged batch",
    "ragged batch over chunks",
    "continuous batching",
}


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    root = checkout_to_apply_in(folder / "checkout")
    for names, options in ((ADDED, ()), (REPLACED, ("--replace",))):
        for name in names:
            text = str(folder / f"{name}.md")
            command = ["apply", name, "--checkout", str(root), "--pull-request", text, *options]
            result = CliRunner(catch_exceptions=False).invoke(main, command)
            assert result.exit_code == 0, result.output
    return root


def results(checkout: Path, name: str) -> dict[tuple[str, str], ScenarioResult]:
    outcome = validate_in_checkout([name], open_checkout(checkout), qefficient_python(), Console(file=io.StringIO()))
    return {(result.variant, result.scenario): result for result in outcome.results}


@pytest.mark.parametrize("name", [*ADDED, *REPLACED])
def test_the_two_programs_are_equal_in_every_scenario(applied: Path, name: str) -> None:
    found = results(applied, name)
    assert {scenario for variant, scenario in found if variant == "base"} == SCENARIOS
    assert [place for place, result in found.items() if not result.equal] == []


def test_programs_that_take_more_than_whole_images_are_not_run(applied: Path) -> None:
    with pytest.raises(UsageError, match="its processor lays pixels out as TiledImage"):
        results(applied, "llava_next")


def test_a_count_that_is_lost_is_seen_where_chunks_go_on(applied: Path) -> None:
    path = applied / "QEfficient/transformers/models/llava/modeling_llava.py"
    text = path.read_text()
    counted = "used = image_idx + is_placed"
    assert text.count(counted) == 1
    path.write_text(text.replace(counted, "used = is_placed"))
    try:
        found = results(applied, "llava")
    finally:
        path.write_text(text)
    assert {scenario for (_, scenario), result in found.items() if not result.equal} == {
        "an image over chunks",
        "chunks between images",
        "ragged batch over chunks",
        "continuous batching",
    }


@pytest.fixture(scope="module")
def exports(applied: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the checkout's exports of llava ask for and give."""
    folder = tmp_path_factory.mktemp("exports")
    ran = subprocess.run(
        [qefficient_python(), "-W", "ignore", IN_CHECKOUT, folder, "llava"],
        env=environment_for(applied, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("way", ["two programs", "continuous batching", "compute context length", "one program"])
def test_every_size_that_a_graph_asks_for_is_in_each_specialization(exports: dict[str, Any], way: str) -> None:
    found = exports[way]
    assert set(found["asked"]) == set(found["given"])
    for program, sizes in found["asked"].items():
        assert found["given"][program]
        assert all(set(sizes) <= set(given) for given in found["given"][program])


def test_layers_become_functions(exports: dict[str, Any]) -> None:
    assert "QEffLlamaDecoderLayer" in exports["functions"]


def test_one_program_gives_what_two_give(exports: dict[str, Any]) -> None:
    assert exports["one against two"] == 0
