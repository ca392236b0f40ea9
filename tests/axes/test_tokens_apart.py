"""Whatever lets tokens meet outside of attention, or lets their number decide, is refused with its line."""

from __future__ import annotations

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from tests.axes.variation import Variation
from tests.axes.variations import VARIATIONS


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda variation: variation.name)
def test_a_variation_is_refused_with_its_line(variation: Variation) -> None:
    model = variation.model()
    with pytest.raises(Refusal) as refused:
        generate_model(model)
    location = refused.value.location
    assert location is not None
    assert location.excerpt == model.source.splitlines()[location.line - 1]


def test_names_of_variations_are_different() -> None:
    assert len({variation.name for variation in VARIATIONS}) == len(VARIATIONS)


def test_the_file_itself_is_accepted() -> None:
    assert generate_model(find_model("blueprint")).code
