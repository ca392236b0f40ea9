"""What is shown, what is folded, and under which name."""

from __future__ import annotations

from qeff_codegen.emit import steps
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.changes import Hunk, Same, changes
from qeff_codegen.review.facts import is_by_rule
from qeff_codegen.review.sections import CONTEXT, Context, Left, Section, sections

RULE = Hunk(("one",), "Plum.forward", range(50, 51), range(50, 51))


def same(count: int, start: int = 1) -> Same:
    return Same(range(start, start + count), range(start, start + count))


def test_every_generated_class_and_function_has_a_section(tiny: GeneratedModel) -> None:
    found = [section for section in sections(tiny, changes(tiny)) if section.name]
    assert [section.generated for section in found] == [
        "QEffTinyRotaryEmbedding",
        "eager_attention_forward",
        "QEffTinyAttention",
        "QEffTinyDecoderLayer",
        "QEffTinyModel",
        "QEffTinyForCausalLM",
    ]


def test_every_hunk_of_a_rule_is_in_the_section_of_its_class(tiny: GeneratedModel) -> None:
    found = changes(tiny)
    by_section = [(section, hunk) for section in sections(tiny, found) for hunk in section.hunks]
    assert [hunk for _, hunk in by_section] == [item for item in found if isinstance(item, Hunk) and is_by_rule(item)]
    assert all(hunk.name.split(".")[0] == section.name for section, hunk in by_section)


def test_only_blank_lines_between_definitions_are_left_out(tiny: GeneratedModel) -> None:
    shown = {
        number for section in sections(tiny, changes(tiny)) for item in section.items for number in item.generated
    }
    lines = tiny.code.splitlines()
    assert not any(lines[number - 1] for number in range(1, len(lines) + 1) if number not in shown)


def test_lines_far_from_hunks_are_folded() -> None:
    section = Section("Plum", "QEffPlum", [same(20), RULE, same(20, 60)])
    first, near, hunk, after, last = section.blocks
    assert isinstance(first, Context) and first.folded and len(first.lines.generated) == 20 - CONTEXT
    assert isinstance(near, Context) and not near.folded and near.lines.generated == range(18, 21)
    assert hunk is RULE
    assert isinstance(after, Context) and not after.folded and after.lines.upstream == range(60, 63)
    assert isinstance(last, Context) and last.folded


def test_a_few_lines_are_not_folded() -> None:
    block, _ = Section("Plum", "QEffPlum", [same(CONTEXT + 4), RULE]).blocks
    assert block == Context(same(CONTEXT + 4), folded=False)


def test_what_emission_left_out_is_one_block_that_says_what_it_is() -> None:
    attribute = Hunk((steps.INHERITED.id,), "Plum", range(2, 3), range(0))
    method = Hunk((steps.INHERITED.id,), "Plum.__init__", range(3, 9), range(0))
    imports = Hunk((steps.IMPORTS.id,), "", range(1, 2), range(1, 2))
    (left,) = Section("Plum", "QEffPlum", [attribute, method]).blocks
    assert isinstance(left, Left) and left.title == "Left upstream: class attributes, __init__"
    (head,) = Section("", "", [imports, Hunk((steps.CLASS_STAYS.id,), "Pear", range(2, 5), range(0))]).blocks
    assert isinstance(head, Left) and head.title == "Put together: imports; left upstream: Pear"
