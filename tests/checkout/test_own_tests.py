"""QEfficient's own tests pass with generated families as they do with its hand-written ones."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout.own_tests import TestRun, kept_runs, run_own_tests, those_that_run
from tests.checkout.qefficient import needs_qefficient, qefficient_checkout, qefficient_python
from tests.checkout.replaced_checkout import clone, modeling_file, replace_families, revision

pytestmark = needs_qefficient

MODELS = Path("QEfficient/transformers/models")
# The causal LMs that it hand-writes, and that generated code can take over: docs/qefficient_tests.md has the others.
FAMILIES = (
    "codegen",
    "falcon",
    "gemma",
    "gemma2",
    "gpt2",
    "gpt_bigcode",
    "gptj",
    "granite",
    "granitemoe",
    "llama",
    "mistral",
    "mixtral",
    "mpt",
    "olmo2",
    "phi",
    "phi3",
    "qwen2",
    "qwen3",
    "starcoder2",
)
# They ask for a class of the hand-written file that generated code has no use for; the reasons are in that page.
ACCIDENTS = {"test_mixtral_sparse_moe_block_replaced"}


@pytest.fixture(scope="module")
def as_it_is() -> dict[str, TestRun]:
    """How every test ends in the checkout as it is; found out once a commit and kept, as it takes minutes."""
    kept = Path(tempfile.gettempdir()) / f"own_tests-{revision(qefficient_checkout())}.jsonl"
    return kept_runs(qefficient_checkout(), qefficient_python(), kept)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    yield clone(qefficient_checkout(), tmp_path / "checkout")


@pytest.mark.parametrize("family", FAMILIES)
def test_those_that_run_a_family_pass(family: str, as_it_is: dict[str, TestRun], copy: Path) -> None:
    path = modeling_file(copy, family)
    tests = those_that_run(as_it_is.values(), path.relative_to(copy / MODELS).as_posix())
    replace_families(copy, [family])
    if not tests:
        pytest.skip(f"no test of its runs {path.name}")
    assert wrong(run_own_tests(copy, qefficient_python(), tests)) <= ACCIDENTS


def test_every_test_ends_as_before_with_all_of_them(as_it_is: dict[str, TestRun], copy: Path) -> None:
    replace_families(copy, FAMILIES)
    runs = run_own_tests(copy, qefficient_python())
    assert runs.keys() == as_it_is.keys()
    assert wrong({test: run for test, run in runs.items() if as_it_is[test].outcome == "passed"}) <= ACCIDENTS


def wrong(runs: dict[str, TestRun]) -> set[str]:
    """Names of the tests that do not pass."""
    return {test.rsplit("::", 1)[-1] for test, run in runs.items() if run.outcome != "passed"}
