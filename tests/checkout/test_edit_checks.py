"""An edited mapping file is held against the file that it was."""

from __future__ import annotations

import pytest

from qeff_codegen.checkout.edit_checks import check_nothing_lost
from qeff_codegen.errors import Refusal
from tests.checkout.conftest import CHECKOUT, TRANSFORMS

TEXT = CHECKOUT[TRANSFORMS]
ENTRY = "        AppleAttention: QEffAppleAttention,\n"
MEMBER = "    AppleRMSNorm,\n"


def line_of(text: str) -> int:
    return TEXT.splitlines(keepends=True).index(text) + 1


def test_more_imports_and_entries_are_no_loss() -> None:
    more = TEXT.replace(MEMBER, MEMBER + "    AppleZ,\n").replace(ENTRY, ENTRY + "        AppleZ: QEffAppleZ,\n")
    check_nothing_lost(TEXT, more, "transforms.py")


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (ENTRY, "`AppleAttention: QEffAppleAttention`"),
        (MEMBER, "`AppleRMSNorm`"),
        ("        QEffAppleForCausalLM,\n", "`QEffAppleForCausalLM`"),
    ],
)
def test_a_lost_line_is_refused_unless_it_was_meant(line: str, lost: str) -> None:
    after = TEXT.replace(line, "", 1)
    with pytest.raises(Refusal, match=f"the edit of transforms.py would take out {lost}") as caught:
        check_nothing_lost(TEXT, after, "transforms.py")
    assert f"at       transforms.py:{line_of(line)}\n" in str(caught.value)
    check_nothing_lost(TEXT, after, "transforms.py", {line_of(line)})


def test_an_import_may_go_by_its_name() -> None:
    check_nothing_lost(TEXT, TEXT.replace(MEMBER, ""), "transforms.py", names={"AppleRMSNorm"})


def test_other_code_stays() -> None:
    with pytest.raises(Refusal, match="would change more than imports and entries"):
        check_nothing_lost(TEXT, TEXT.replace("PlumNorm = None", "PlumNorm = 1"), "transforms.py")


def test_a_file_that_would_be_no_python_names_the_line() -> None:
    with pytest.raises(Refusal, match="transforms.py would be no valid Python after the edit") as caught:
        check_nothing_lost(TEXT, TEXT.replace(ENTRY, "        AppleAttention: QEff Apple,\n"), "transforms.py")
    assert f"at       transforms.py:{line_of(ENTRY)}\n  source   AppleAttention: QEff Apple," in str(caught.value)
