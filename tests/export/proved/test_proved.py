"""The table of proved translations is what the proofs prove, neither more nor less."""

from __future__ import annotations

import pytest
import torch

from qeff_codegen.export.missing_operators import register_missing_operators
from qeff_codegen.export.proved_operators.calls import Call, base_name
from qeff_codegen.export.proved_operators.table import PATH, TORCHSCRIPT, is_proved
from qeff_codegen.export.translations.all_of_them import TRANSLATIONS
from qeff_codegen.runtime.constants import ONNX_EXPORT_OPSET
from tests.export.proved.proof import EXPORTERS, OtherNumbersError, Proof, calls_in_trace, proved_calls
from tests.export.proved.table import FILES, REFUSED, entries_of, proofs_of, quiet, read


def proved_part(proof: Proof, exporter: str, file: str) -> tuple[str, ...]:
    """The expressions of a proof that an exporter translates."""
    refused = read(REFUSED)[exporter][file].get(proof.name, {})
    return tuple(each for each in proof.expressions if each not in refused)


@pytest.mark.parametrize(
    ("exporter", "file"), [(exporter, file) for exporter in EXPORTERS for file in read(PATH)[exporter]]
)
def test_the_table_is_what_the_proofs_prove(exporter: str, file: str) -> None:
    calls: set[Call] = set()
    for proof in proofs_of(file, exporter):
        expressions = proved_part(proof, exporter, file)
        if expressions:
            with quiet():
                calls |= proved_calls(proof, exporter, expressions)
    assert entries_of(calls) == read(PATH)[exporter][file]


@pytest.mark.parametrize("file", FILES)
def test_what_gives_other_numbers_is_not_in_the_table(file: str) -> None:
    for proof in proofs_of(file, TORCHSCRIPT):
        for expression, how in read(REFUSED)[TORCHSCRIPT][file].get(proof.name, {}).items():
            if how == "other numbers":
                with quiet():
                    calls = calls_in_trace(proof, TORCHSCRIPT, [expression])
                assert any(not is_proved(TORCHSCRIPT, call) for call in calls), (proof.name, expression)


def test_no_two_proofs_have_a_name() -> None:
    for file in FILES:
        names = [proof.name for proof in proofs_of(file, TORCHSCRIPT)]
        assert len(names) == len(set(names)), file


def test_every_file_of_proofs_is_in_the_table() -> None:
    assert tuple(sorted(read(PATH)[TORCHSCRIPT])) == FILES


def test_a_proof_notices_another_number() -> None:
    expression = "x.sum(-1) if torch.onnx.is_in_onnx_export() else x.sum(-1) + 1"
    with pytest.raises(OtherNumbersError):
        proved_calls(Proof("sum", "x=integers(b, c, 4)", (expression,)), TORCHSCRIPT, [expression])


@pytest.mark.parametrize("operator", sorted(TRANSLATIONS))
def test_without_a_translation_of_ours_a_proof_fails(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    register_missing_operators()
    monkeypatch.setattr("tests.export.proved.proof.register_missing_operators", lambda: None)
    torch.onnx.unregister_custom_op_symbolic(operator, ONNX_EXPORT_OPSET)
    try:
        assert any(
            fails(proof, file) for file in FILES for proof in proofs_of(file, TORCHSCRIPT) if proves(proof, operator)
        )
    finally:
        register_missing_operators()


def proves(proof: Proof, operator: str) -> bool:
    # The exporter knows `__rshift__` without its last underscore.
    return base_name(operator.replace("__rshift_", "__rshift__")) in proof.operators.split()


def fails(proof: Proof, file: str) -> bool:
    expressions = proved_part(proof, TORCHSCRIPT, file)
    try:
        with quiet():
            proved_calls(proof, TORCHSCRIPT, expressions)
    except Exception:  # another number, or none
        return True
    return False
