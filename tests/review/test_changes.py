"""Every line of both files has its place, and every changed one an owner."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.emit import steps
from qeff_codegen.generated_model import Edit, GeneratedModel
from qeff_codegen.review.changes import Hunk, Same, changes
from qeff_codegen.review.owners import UnownedLineError
from qeff_codegen.upstream.source import UpstreamModel


def without(model: GeneratedModel, *edits: Edit) -> GeneratedModel:
    return replace(model, edits=tuple(edit for edit in model.edits if edit not in edits))


def hunks(model: GeneratedModel, name: str) -> list[Hunk]:
    return [item for item in changes(model) if isinstance(item, Hunk) and item.name == name]


def test_every_line_of_both_files_is_in_one_place(tiny: GeneratedModel) -> None:
    found = changes(tiny)
    upstream = [number for item in found for number in item.upstream]
    generated = [number for item in found for number in item.generated]
    assert upstream == list(range(1, len(tiny.upstream.source.splitlines()) + 1))
    assert generated == list(range(1, len(tiny.code.splitlines()) + 1))


def test_what_is_called_the_same_is_the_same(tiny: GeneratedModel) -> None:
    before, after = tiny.upstream.source.splitlines(), tiny.code.splitlines()
    same = [item for item in changes(tiny) if isinstance(item, Same)]
    assert sum(len(item.upstream) for item in same) > 60
    for item in same:
        old = [before[number - 1] for number in item.upstream]
        assert old == [after[number - 1] for number in item.generated]


def test_a_hunk_names_the_rule_and_both_sides(tiny: GeneratedModel) -> None:
    (hunk,) = (item for item in hunks(tiny, "eager_attention_forward") if "boolean_mask" in item.owners)
    before, after = tiny.upstream.source.splitlines(), tiny.code.splitlines()
    assert [before[number - 1].strip() for number in hunk.upstream] == ["attn_weights = attn_weights + attention_mask"]
    assert [after[number - 1].strip() for number in hunk.generated] == [
        "attn_weights = torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, attn_weights)"
    ]


def test_what_black_laid_out_anew_is_no_hunk_of_its_own() -> None:
    upstream = "x = make(\n    mask, cache\n)\n"
    code = "x = static(mask)\ny = static(\n    mask,\n)\n"
    edits = (
        Edit("one", "f", (1, 3), (1, 1)),
        Edit("one", "f", (1, 3), (2, 4)),
        Edit("black", "f", (1, 3), (2, 4)),
    )
    model = GeneratedModel("tiny", UpstreamModel("tiny", "", "", upstream), code, (), (), edits, (), (None,) * 4)
    assert changes(model) == (Hunk(("one", "black"), "f", range(1, 4), range(1, 5)),)


def test_an_added_method_stands_in_its_class_and_not_behind_the_next(tiny: GeneratedModel) -> None:
    names = [item.name for item in changes(tiny) if isinstance(item, Hunk)]
    added = names.index("TinyRotaryEmbedding.__qeff_init__")
    assert names.index("TinyRotaryEmbedding.__init__") < added < names.index("apply_rotary_pos_emb")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("LlamaRMSNorm", steps.CLASS_MAPPED),
        ("LlamaMLP", steps.CLASS_STAYS),
        ("LlamaPreTrainedModel", steps.CLASS_NOT_BUILT),
        ("LlamaAttention.__init__", steps.INHERITED),
        ("LlamaAttention", steps.CLASS_REPLACED),
        ("apply_rotary_pos_emb", steps.FUNCTION_IMPORTED),
        ("rotate_half", steps.FUNCTION_NOT_CALLED),
    ],
)
def test_what_is_not_emitted_is_left_out_by_a_step(llama: GeneratedModel, name: str, step: steps.Step) -> None:
    assert [hunk.owners for hunk in hunks(llama, name)] == [(step.id,)]


def test_head_of_the_file_is_licence_header_and_imports(llama: GeneratedModel) -> None:
    licence, header, imports = changes(llama)[:3]
    assert isinstance(licence, Same) and licence.upstream == licence.generated
    assert isinstance(header, Hunk) and header.owners == (steps.HEADER.id,)
    assert (
        isinstance(imports, Hunk) and imports.owners == (steps.IMPORTS.id,) and imports.upstream and imports.generated
    )


def test_upstreams_own_forward_belongs_to_the_rule_that_wrote_another(tiny: GeneratedModel) -> None:
    (hunk,) = hunks(tiny, "TinyRotaryEmbedding.forward")
    assert hunk.owners == ("rotary_tables",)
    assert hunk.upstream and hunk.generated


def test_without_its_edit_a_new_line_has_no_owner(tiny: GeneratedModel) -> None:
    (edit,) = (edit for edit in tiny.edits if edit.rule == "boolean_mask")
    assert edit.upstream_lines is not None and edit.generated_lines is not None
    with pytest.raises(UnownedLineError) as caught:
        changes(without(tiny, edit))
    line = edit.upstream_lines[0]
    assert str(caught.value) == (
        "no rule owns a line that upstream's file has and the generated one has not\n"
        f"  at       modeling_tiny.py:{line}\n"
        "  source   attn_weights = attn_weights + attention_mask\n"
        "  expected every line that differs from upstream to belong to a rule or to a step of emission\n"
        "  next     this is a bug of the generator: do not merge the file, and report it with this message"
    )
    assert caught.value.exit_code == 1


def test_no_edit_can_be_missed(tiny: GeneratedModel) -> None:
    """Each edit is the only reason for some line, but for those that several rules made together."""
    shared = [
        edit for edit in tiny.edits if any(other != edit and spans(other) == spans(edit) for other in tiny.edits)
    ]
    alone = [edit for edit in tiny.edits if edit not in shared]
    assert len(alone) > 30
    for edit in alone:
        with pytest.raises(UnownedLineError):
            changes(without(tiny, edit))


def test_a_line_that_was_slipped_in_has_no_owner(tiny: GeneratedModel) -> None:
    (hunk,) = (item for item in hunks(tiny, "eager_attention_forward") if "boolean_mask" in item.owners)
    lines = tiny.code.splitlines()
    lines.insert(hunk.generated.stop - 1, "    attn_weights = attn_weights * 2")
    origins = (*tiny.origins[: hunk.generated.stop - 1], None, *tiny.origins[hunk.generated.stop - 1 :])
    edits = tuple(_moved(edit, hunk.generated.stop) for edit in tiny.edits)
    with pytest.raises(UnownedLineError) as caught:
        changes(replace(tiny, code="\n".join(lines) + "\n", origins=origins, edits=edits))
    assert f"at       tiny/modeling_tiny.py:{hunk.generated.stop}\n" in str(caught.value)
    assert "source   attn_weights = attn_weights * 2\n" in str(caught.value)


def test_a_line_that_only_claims_to_be_upstreams_has_no_owner(tiny: GeneratedModel) -> None:
    text = "    attn_weights = nn.functional.softmax(attn_weights, dim=-1)\n"
    assert tiny.code.count(text) == 1
    with pytest.raises(UnownedLineError):
        changes(replace(tiny, code=tiny.code.replace(text, text.replace("-1", "-2"))))


def spans(edit: Edit) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    return edit.upstream_lines, edit.generated_lines


def _moved(edit: Edit, start: int) -> Edit:
    if edit.generated_lines is None or edit.generated_lines[0] < start:
        return edit
    return replace(edit, generated_lines=(edit.generated_lines[0] + 1, edit.generated_lines[1] + 1))
