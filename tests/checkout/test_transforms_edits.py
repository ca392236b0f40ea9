"""Edits of the mapping file: sorted imports, entries at the end, every other byte as it was."""

from __future__ import annotations

import pytest

from qeff_codegen.checkout.transforms_edits import TransformsEdits
from qeff_codegen.checkout.transforms_file import read_transforms_file
from qeff_codegen.errors import Refusal
from tests.checkout.conftest import CHECKOUT, TRANSFORMS

TEXT = CHECKOUT[TRANSFORMS]


def edits(text: str = TEXT) -> TransformsEdits:
    return TransformsEdits(read_transforms_file(text, "transforms.py"), 120)


def added(text: str, before: str = TEXT) -> list[tuple[str, str]]:
    """Each line that is new, with the line before it; no other line may differ."""
    lines, old = text.splitlines(), before.splitlines()
    new = []
    at = 0
    for number, line in enumerate(lines):
        if at < len(old) and line == old[at]:
            at += 1
        else:
            new.append((lines[number - 1], line))
    assert at == len(old), f"gone or changed: {old[at]}"
    return new


def with_import(module: str, *names: str) -> list[tuple[str, str]]:
    edited = edits()
    edited.import_names(module, names, "fig")
    return added(edited.text())


@pytest.mark.parametrize(
    ("module", "after"),
    [
        # Before the first, between two, after the last before `try`, and in the block behind it.
        ("transformers.models.aaa.modeling_aaa", "from torch import nn"),
        ("transformers.models.fig.modeling_fig", ")"),
        ("transformers.models.plum.modeling_plum_text", "    PlumNorm = None"),
        (
            "transformers.models.zucchini.modeling_z",
            "from transformers.models.quince.modeling_quince import QuinceForCausalLM",
        ),
        ("QEfficient.transformers.models.aaa.modeling_aaa", "from QEfficient.customop import CustomRMSNormAIC"),
        (
            "QEfficient.transformers.models.zucchini.modeling_z",
            "from QEfficient.transformers.models.pear.modeling_pear import QEffPearForCausalLM",
        ),
    ],
)
def test_an_import_has_its_sorted_place(module: str, after: str) -> None:
    assert with_import(module, "B", "A") == [(after, f"from {module} import A, B")]


def test_numbers_sort_by_value_and_members_by_kind() -> None:
    edited = edits()
    edited.import_names(
        "transformers.models.fig.modeling_fig", ["apple10", "Apple2", "apple2", "APPLE", "appLe3"], "f"
    )
    assert "import APPLE, Apple2, apple2, appLe3, apple10\n" in edited.text()


def test_a_long_import_is_wrapped_a_name_a_line() -> None:
    names = [f"Fig{letter * 30}" for letter in "BAC"]
    lines = [line for _, line in with_import("transformers.models.fig.modeling_fig", *names)]
    assert lines == [
        "from transformers.models.fig.modeling_fig import (",
        *(f"    {name}," for name in sorted(names)),
        ")",
    ]


def test_names_join_a_wrapped_import() -> None:
    new = with_import("transformers.models.apple.modeling_apple", "AppleModel", "AppleAAA", "AppleZ", "AppleRMSNorm")
    assert new == [
        ("from transformers.models.apple.modeling_apple import (", "    AppleAAA,"),
        ("    AppleForCausalLM,", "    AppleModel,"),
        ("    AppleRMSNorm,", "    AppleZ,"),
    ]


def test_names_join_an_import_of_one_line() -> None:
    edited = edits()
    edited.import_names("transformers.models.pear.modeling_pear", ["PearAttention"], "pear")
    assert "\nfrom transformers.models.pear.modeling_pear import PearAttention, PearForCausalLM\n" in edited.text()
    assert edited.text().count("modeling_pear import PearForCausalLM") == 0


def test_a_name_that_is_taken_comes_in_under_another() -> None:
    edited = edits()
    local = edited.import_names("transformers.models.fig.modeling_fig", ["AppleAttention", "Fig"], "fig")
    assert local == {"AppleAttention": "AppleAttention_of_fig", "Fig": "Fig"}
    assert [line for _, line in added(edited.text())] == [
        "from transformers.models.fig.modeling_fig import Fig",
        "from transformers.models.fig.modeling_fig import AppleAttention as AppleAttention_of_fig",
    ]
    again = edits(edited.text())
    assert again.import_names("transformers.models.fig.modeling_fig", ["AppleAttention", "Fig"], "fig") == local
    assert again.text() == edited.text()


def test_what_is_imported_in_try_is_known() -> None:
    assert with_import("transformers.models.plum.modeling_plum", "PlumNorm") == []


def test_entries_stand_with_those_that_are_there() -> None:
    edited = edits()
    edited.add_entries("KVCacheTransform", [("Fig", "QEffFig"), ("AppleAttention", "QEffAppleAttention")], "Fig")
    assert added(edited.text()) == [("        AppleAttention: QEffAppleAttention,", "        Fig: QEffFig,")]


def test_entries_come_last_below_their_heading() -> None:
    edited = edits()
    edited.add_entries("KVCacheTransform", [("Fig", "QEffFig")], "Fig")
    edited.add_entries("SamplerTransform", [("QEffFig", None)])
    assert added(edited.text()) == [
        ("        PearForCausalLM: QEffPearForCausalLM,  # a pear", "        # Fig"),
        ("        # Fig", "        Fig: QEffFig,"),
        ("        QEffAppleForCausalLM,", "        QEffFig,"),
    ]


def test_entries_that_are_there_are_no_edit() -> None:
    edited = edits()
    edited.add_entries("KVCacheTransform", [("AppleAttention", "QEffAppleAttention")], "Apple")
    assert edited.text() == TEXT


def test_a_key_with_another_replacement_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        edits().add_entries("KVCacheTransform", [("AppleAttention", "QEffFigAttention")])
    assert "`AppleAttention` has the replacement `QEffAppleAttention` in `KVCacheTransform` already" in str(
        caught.value
    )
    line = TEXT.splitlines().index("        AppleAttention: QEffAppleAttention,") + 1
    assert f"at       transforms.py:{line}\n" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message", "line"),
    [
        (
            "_module_mapping = {\n        QEffApple",
            "_mapping = {\n        QEffApple",
            "it has no `_module_mapping = ...`",
            "class SpDTransform:",
        ),
        (
            "QEffAppleForCausalLM,\n    }",
            "QEffAppleForCausalLM}",
            "the closing brace .* does not stand alone",
            "class SpDTransform:",
        ),
        (
            "QEffAppleForCausalLM,\n    }",
            "QEffAppleForCausalLM\n    }",
            "the last entry .* has no comma after it",
            "        QEffAppleForCausalLM",
        ),
        (
            "{\n        QEffAppleForCausalLM,\n    }",
            "()",
            "its `_module_mapping` is neither a dictionary nor a set",
            "class SpDTransform:",
        ),
    ],
)
def test_a_mapping_in_another_form_is_refused_with_its_line(before: str, after: str, message: str, line: str) -> None:
    assert before in TEXT
    text = TEXT.replace(before, after, 1)
    with pytest.raises(Refusal, match=message) as caught:
        edits(text).add_entries("SpDTransform", [("QEffFig", None)])
    assert f"at       transforms.py:{text.splitlines().index(line) + 1}\n" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("AppleAttention:\n            QEffAppleAttention,", "an entry of its .* goes over several lines"),
        ("AppleAttention: (\n            QEffAppleAttention\n        ),", "an entry of its .* goes over several"),
        ("AppleAttention: QEffAppleAttention\n        ,", "an entry of its .* goes over several lines"),
        ("Pear: AppleMLP, AppleAttention: QEffAppleAttention,", "an entry of its .* does not begin on a line of its"),
        ("apple.AppleAttention: QEffAppleAttention,", "a key of its `_module_mapping` is no plain name"),
    ],
)
def test_an_entry_in_another_form_is_refused_with_its_line(entry: str, message: str) -> None:
    before = "        AppleAttention: QEffAppleAttention,\n"
    text = TEXT.replace(before, f"        {entry}\n")
    with pytest.raises(Refusal, match=message) as caught:
        edits(text).add_entries("KVCacheTransform", [("AppleAttention", "QEffAppleAttention"), ("Fig", "QEffFig")])
    line = TEXT.splitlines().index(before.rstrip()) + 1
    assert f"at       transforms.py:{line}\n" in str(caught.value)


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    before = "        AppleAttention: QEffAppleAttention,\n"
    text = TEXT.replace(before, f"{before}        AppleAttention: QEffPearForCausalLM,\n")
    with pytest.raises(Refusal, match="has the replacement `QEffPearForCausalLM` in `KVCacheTransform` already"):
        edits(text).add_entries("KVCacheTransform", [("AppleAttention", "QEffAppleAttention")])


def test_a_replacement_that_is_no_plain_name_is_not_overridden() -> None:
    text = TEXT.replace("AppleAttention: QEffAppleAttention,", "AppleAttention: apple.QEffAppleAttention,")
    with pytest.raises(Refusal, match="has the replacement `apple.QEffAppleAttention`") as caught:
        edits(text).add_entries("KVCacheTransform", [("AppleAttention", "QEffAppleAttention")])
    assert "next     remove the entry, or have its class imported by name" in str(caught.value)


def test_a_name_joins_an_import_without_a_comma_after_the_last() -> None:
    edited = edits(TEXT.replace("    AppleRMSNorm,\n)", "    AppleRMSNorm\n)"))
    edited.import_names("transformers.models.apple.modeling_apple", ["AppleZ"], "apple")
    assert (
        "from transformers.models.apple.modeling_apple import AppleAttention, AppleForCausalLM, AppleRMSNorm, AppleZ\n"
        in edited.text()
    )


@pytest.mark.parametrize("beside", ["  # noqa: F401", "; from torch import fx"])
def test_what_stands_beside_an_import_is_not_lost(beside: str) -> None:
    statement = "from transformers.models.pear.modeling_pear import PearForCausalLM"
    edited = edits(TEXT.replace(statement, statement + beside))
    with pytest.raises(Refusal, match="the imports from `transformers.models.pear.modeling_pear` would be") as caught:
        edited.import_names("transformers.models.pear.modeling_pear", ["PearAttention"], "pear")
    assert f"at       transforms.py:{TEXT.splitlines().index(statement) + 1}\n" in str(caught.value)


def test_a_transform_that_is_not_there() -> None:
    with pytest.raises(Refusal, match="`FigTransform` of transforms.py cannot be given entries: it has no class"):
        edits().add_entries("FigTransform", [("QEffFig", None)])


def test_a_file_that_is_no_python_is_refused_with_the_line() -> None:
    with pytest.raises(Refusal, match="transforms.py is not valid Python: ") as caught:
        edits(TEXT.replace("    @classmethod", "    @classmethod)"))
    line = TEXT.splitlines().index("    @classmethod") + 1
    assert f"at       transforms.py:{line}\n  source   @classmethod)" in str(caught.value)


def test_a_file_without_the_package_is_refused() -> None:
    with pytest.raises(Refusal, match="transforms.py imports nothing from `peach`, beside which `peach.a` would be"):
        edits().import_names("peach.a", ["A"], "fig")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ending", ["", "\n", "\n\x0c\n# form feed \x0b\n\n"])
def test_every_other_byte_stays(newline: str, ending: str) -> None:
    text = (TEXT.rstrip("\n") + ending).replace("\n", newline)
    assert edits(text).text() == text
    edited = edits(text)
    edited.add_entries("SpDTransform", [("QEffFig", None)])
    assert edited.text().replace(f"        QEffFig,{newline}", "") == text
