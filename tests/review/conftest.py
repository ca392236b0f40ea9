"""One small model and its review, for every test of the room."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.upstream.find import find_model
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
    return review_of(tiny, tmp_path / "generated", tmp_path / "records")
