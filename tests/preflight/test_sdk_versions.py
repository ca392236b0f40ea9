"""What is known to differ between versions of the SDK is remarked on where a graph asks for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.export.graph_io import RECURRENT_STATE, ExportSpec, StateShape
from qeff_codegen.preflight import installed_sdk, sdk_versions
from qeff_codegen.preflight.candidate import Candidate
from tests.runtime.toy_llama import CTX_LEN

CCL = ExportSpec(CTX_LEN, compute_context_length=True)
FUNCTIONS = ExportSpec(CTX_LEN, use_onnx_subfunctions=True)
STATES = ((StateShape(RECURRENT_STATE, (2, 6)),),)


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Apps SDK says which version it is; there is none yet."""
    file = tmp_path / "apps.xml"
    monkeypatch.setattr(installed_sdk, "APPS_FILE", file)
    return file


def remarks(candidate: Candidate) -> list[str]:
    findings = list(sdk_versions.CHECK.findings(candidate))
    assert not any(finding.is_problem for finding in findings)
    return [finding.what for finding in findings]


def install(apps: Path, version: str) -> None:
    apps.write_text(f"<versions><ci_build><base_version>{version}</base_version></ci_build></versions>")


@pytest.mark.usefixtures("apps")
def test_without_an_sdk_only_what_the_graph_asks_for_is_told(candidate: Candidate) -> None:
    assert remarks(candidate) == []
    assert remarks(replace(candidate, spec=CCL)) == [
        "comp_ctx_lengths is int64, and before 1.22 QEfficient gave the compiler int8; no Apps SDK is installed here. "
        "Source: QEfficient's release notes of 1.22.0, its commit 6c7a25386."
    ]
    of_functions = remarks(replace(candidate, spec=FUNCTIONS))
    assert len(of_functions) == 1 and of_functions[0].startswith("-sub-functions is an option that QEfficient gives")
    of_states = remarks(replace(candidate, spec=FUNCTIONS, layers=STATES))
    assert of_states[:1] == of_functions and "fail from 1.23.0.37 on" in of_states[1]


@pytest.mark.parametrize(
    ("version", "plain", "ccl", "functions", "states"),
    [
        ("1.20.0.194", 1, 2, 2, 2),
        ("1.21.6.0", 0, 1, 0, 0),
        ("1.22.0.120", 0, 0, 0, 0),
        ("1.23.0.30", 0, 0, 0, 0),
        ("1.23.0.37", 0, 0, 0, 1),
        ("unheard of", 0, 1, 1, 2),
    ],
)
def test_an_installed_version_is_held_against_what_is_known(
    candidate: Candidate, apps: Path, version: str, plain: int, ccl: int, functions: int, states: int
) -> None:
    install(apps, version)
    asked = (candidate, replace(candidate, spec=CCL), replace(candidate, spec=FUNCTIONS))
    with_states = replace(candidate, spec=FUNCTIONS, layers=STATES)
    assert [len(remarks(each)) for each in (*asked, with_states)] == [plain, ccl, functions, states]


def test_it_is_named(candidate: Candidate, apps: Path) -> None:
    install(apps, "1.20.0.194")
    (remark,) = remarks(candidate)
    assert "qaic-exec, not qaic-compile" in remark
    assert "; Apps SDK 1.20.0.194 is installed. Source: branches 1.17 to 1.20 of quic/cloud-ai-sdk" in remark
