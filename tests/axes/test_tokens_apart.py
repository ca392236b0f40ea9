"""Whatever lets tokens meet outside of attention, or lets their number decide, is refused with its line."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.emit.mappings import mapping_entries
from qeff_codegen.emit.modeling_file import assemble
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule_set import checks, rules_for
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.upstream.find import find_model
from tests.axes.variation import model, stays
from tests.axes.variations import VARIATIONS
from tests.variations.variation import Variation

STAYING = tuple(variation for variation in VARIATIONS if stays(variation))
GENERATED = tuple(variation for variation in VARIATIONS if not stays(variation))


@cache
def finished() -> FinishedModule:
    """What is generated from the file as it is."""
    draft = open_draft(recognise(read_modeling_file(find_model("blueprint"))), EMBEDDED)
    for rule in rules_for(EMBEDDED):
        rule.apply(draft)
    text = assemble(draft)
    return FinishedModule(text.code, draft.anatomy, mapping_entries(draft), text.imports, text.defined)


@pytest.mark.parametrize("variation", STAYING, ids=lambda variation: variation.name)
def test_a_variation_of_what_stays_is_refused_with_its_line(variation: Variation) -> None:
    module = replace(finished(), anatomy=recognise(read_modeling_file(model(variation))))
    broken = next(found for check in checks() if (found := check.broken(module)))
    assert broken[0].line is not None


@pytest.mark.parametrize("variation", GENERATED, ids=lambda variation: variation.name)
def test_a_variation_is_refused_with_its_line(variation: Variation) -> None:
    changed = model(variation)
    with pytest.raises(Refusal) as refused:
        generate_model(changed)
    location = refused.value.location
    assert location is not None
    assert location.excerpt == changed.source.splitlines()[location.line - 1]


def test_names_of_variations_are_different() -> None:
    assert len({variation.name for variation in VARIATIONS}) == len(VARIATIONS)


def test_the_file_itself_is_accepted() -> None:
    assert not any(check.broken(finished()) for check in checks())
