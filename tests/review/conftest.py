"""One small model and its review, for every test of the room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.review.page import as_html
from qeff_codegen.upstream.find import find_model
from tests.review.browser import chromium, missing
from tests.rewrite_rules.example_runner import example_model


@pytest.fixture(scope="session")
def tiny() -> GeneratedModel:
    """The smallest decoder with every role."""
    return generate_model(example_model(""))


@pytest.fixture(scope="session")
def llama() -> GeneratedModel:
    """A model as it comes from transformers."""
    return generate_model(find_model("llama"))


@pytest.fixture
def review(tiny: GeneratedModel, tmp_path: Path) -> Review:
    """Its review in a folder where nothing is checked in and nothing was validated."""
    return review_of(tiny, tmp_path / "generated", tmp_path / "records", {})


@pytest.fixture(scope="session")
def page(llama: GeneratedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a real model, in a folder where nothing is checked in and nothing was validated."""
    folder = tmp_path_factory.mktemp("page")
    path = folder / "llama.html"
    path.write_text(as_html(review_of(llama, folder, folder, {}), "../docs/rules.md"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    """A browser of its own for each file of tests."""
    assert not missing(), f"QEFF_CODEGEN_BROWSER is `required`, and there is no {' and no '.join(missing())}"
    with chromium() as browser:
        yield browser
