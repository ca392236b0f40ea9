"""Stages run in the order of their names' list; within one, the order of rules changes nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import rewrite_rules
from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.emit.mappings import mapping_entries
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.engine.rule_set import rules_for, stage_of
from qeff_codegen.errors import Refusal
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import QEFFICIENT
from qeff_codegen.targets.target import Target
from qeff_codegen.upstream.find import find_model
from tests.sample import SAMPLE

ROOT = Path(rewrite_rules.__file__).parent
MOST_FILES = 20


def rewritten(anatomy: Anatomy, target: Target, order: list[Rule]) -> object:
    """What these rules make of a model in this order: every function and mapping entry, or the refusal."""
    draft = open_draft(anatomy, target)
    try:
        for rule in order:
            rule.apply(draft)
    except Refusal as refusal:
        return str(refusal)
    return [(item.qualified_name, item.code.text) for item in draft.functions], mapping_entries(draft)


def shuffled(target: Target, seed: str) -> list[Rule]:
    """The rules of a target, those of each stage in a random order."""
    found = list(rules_for(target))
    places = {stage: index for index, stage in enumerate(dict.fromkeys(map(stage_of, found)))}
    random.Random(seed).shuffle(found)
    return sorted(found, key=lambda rule: places[stage_of(rule)])


@pytest.mark.parametrize("name", SAMPLE)
def test_rules_of_one_stage_commute(name: str) -> None:
    anatomy = recognise(read_modeling_file(find_model(name)))
    for target, shuffles in ((EMBEDDED, 3), (QEFFICIENT, 1)):
        expected = rewritten(anatomy, target, list(rules_for(target)))
        for number in range(shuffles):
            order = shuffled(target, f"{name} {number}")
            assert order != list(rules_for(target))
            assert rewritten(anatomy, target, order) == expected


def test_the_order_of_stages_does_matter() -> None:
    """The counter-check: were everything to commute, shuffling within a stage would prove nothing."""
    anatomy = recognise(read_modeling_file(find_model("falcon")))
    found = list(rules_for(EMBEDDED))
    assert rewritten(anatomy, EMBEDDED, found[::-1]) != rewritten(anatomy, EMBEDDED, found)


@pytest.mark.parametrize("folder", rewrite_rules.STAGES)
def test_every_folder_of_rules_is_a_stage_with_a_sentence_and_few_files(folder: str) -> None:
    stages = [path for path in (ROOT / folder).iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert {path.name for path in stages} == set(rewrite_rules.STAGES[folder])
    for stage in stages:
        assert (stage / "__init__.py").read_text().startswith('"""')
        assert len(list(stage.glob("*.py"))) <= MOST_FILES
