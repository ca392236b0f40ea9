"""What the stages say of code in a real checkout of QEfficient, right and wrong."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from qeff_codegen.checkout.checkout import open_checkout
from qeff_codegen.checkout.serving_file import serving_file
from qeff_codegen.checkout.validate import validate_in_checkout
from qeff_codegen.validation.results import ScenarioResult
from tests.checkout.qefficient import copy_of_the_checkout, needs_qefficient, qefficient_checkout, qefficient_python

pytestmark = needs_qefficient

Results = dict[tuple[str, str], ScenarioResult]


def validated(checkout: Path) -> Results:
    outcome = validate_in_checkout(
        ["llama"], open_checkout(checkout), qefficient_python(), Console(file=io.StringIO())
    )
    return {(result.variant, result.scenario): result for result in outcome.results}


def wrong(results: Results) -> set[tuple[str, str]]:
    """Where Stage 2 differs or raises."""
    return {place for place, result in results.items() if result.stages[1].status in ("different", "failed")}


@pytest.fixture(scope="module")
def as_it_is() -> Results:
    return validated(qefficient_checkout())


def test_llama_is_equal_in_both_stages(as_it_is: Results) -> None:
    # Llama's file there has one rotary table, where LongRoPE has two.
    assert {place for place, result in as_it_is.items() if not result.equal} <= {
        ("rope longrope", "past original max")
    }
    scenarios = {scenario for variant, scenario in as_it_is if variant == "base"}
    assert scenarios == {"ragged batch", "chunked prefill", "end of context", "continuous batching"}


def without_batch_index(text: str) -> str:
    """The attention's part of the file, without handing on which rows of the cache are meant."""
    return re.sub(r"^ *batch_index=batch_index,\n|\"batch_index\": batch_index, ?", "", text, flags=re.MULTILINE)


def with_negated_scores(text: str) -> str:
    """The whole file, with every score times minus one."""
    return re.sub(r"(torch\.matmul\(query\w*, key_states\.transpose\(2, 3\)\))", r"-\1", text)


def broken(folder: Path, change: Callable[[str], str], part: str) -> Path:
    """A copy of the checkout in which `change` was made to what `part` matches in llama's file."""
    checkout = copy_of_the_checkout(folder)
    served = serving_file(checkout, "llama", open_checkout(checkout).transformers)
    assert served is not None
    path = checkout / served.path
    text = path.read_text("utf-8")
    changed = re.sub(part, lambda found: change(found[0]), text, flags=re.DOTALL)
    assert changed != text, f"{path} is written in another way than this test changes"
    path.write_text(changed, "utf-8")
    return checkout


def test_a_lost_batch_index_is_seen_by_continuous_batching_alone(as_it_is: Results, tmp_path: Path) -> None:
    results = validated(broken(tmp_path, without_batch_index, r"class QEff\w+Attention\(.*?(?=\nclass )"))
    assert wrong(results) - wrong(as_it_is) == {("base", "continuous batching")}


def test_negated_scores_are_seen_everywhere(as_it_is: Results, tmp_path: Path) -> None:
    results = validated(broken(tmp_path, with_negated_scores, ".*"))
    assert wrong(results) == set(results)
    assert "first different: model.layers.0.self_attn" in results["base", "ragged batch"].stages[1].detail
