"""What the graph asks of the compiler that not every version of the SDK takes alike.

Qualcomm publishes no list of changes between versions. So only that stands here which can be read elsewhere, each with
its source; where nothing is known, nothing is said. Which form of `specializations.json` a compiler takes is not asked
here: it says so itself. A graph that another version takes is not wrong, so all of it are remarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from qeff_codegen.export.graph_io import states_of
from qeff_codegen.preflight import installed_sdk
from qeff_codegen.preflight.candidate import Candidate
from qeff_codegen.preflight.check import Check, Finding


@dataclass(frozen=True)
class Difference:
    """One thing that versions of the Apps SDK are known to do differently.

    Attributes:
        what: what is known, in one sentence.
        source: where it can be read.
        concerns: whether a candidate asks for it.
        versions: whether an installed version is one of those that do otherwise.
        is_of_every_graph: whether every graph asks for it; then it is only said of a version that is known.
    """

    what: str
    source: str
    concerns: Callable[[Candidate], bool]
    versions: Callable[[Version], bool]
    is_of_every_graph: bool = False


DIFFERENCES = (
    Difference(
        "up to 1.20 the SDK's own samples call the compiler qaic-exec, not qaic-compile, and give it "
        "-aic-hw-version=2.0, not ai100 (--compiler-option aic-hw-version=2.0)",
        "branches 1.17 to 1.20 of quic/cloud-ai-sdk; QEfficient's pull requests 528 and 703",
        lambda candidate: True,
        lambda version: version < Version("1.21"),
        is_of_every_graph=True,
    ),
    Difference(
        "comp_ctx_lengths is int64, and before 1.22 QEfficient gave the compiler int8",
        "QEfficient's release notes of 1.22.0, its commit 6c7a25386",
        lambda candidate: candidate.spec.compute_context_length,
        lambda version: version < Version("1.22"),
    ),
    Difference(
        "-sub-functions is an option that QEfficient gives the compiler since 1.21",
        "QEfficient's release notes of 1.21.0, its pull request 681",
        lambda candidate: candidate.spec.use_onnx_subfunctions,
        lambda version: version < Version("1.21"),
    ),
    Difference(
        "functions of layers with states (Qwen3.5 in two programs) compile with 1.23.0.30, and fail from 1.23.0.37 on",
        "QEfficient's tests/transformers/subfunction/test_subfunction_vlm.py, its commit ebf55e815",
        lambda candidate: candidate.spec.use_onnx_subfunctions and bool(states_of(candidate.layers)),
        lambda version: version > Version("1.23.0.30"),
    ),
)


def _findings(candidate: Candidate) -> Iterator[Finding]:
    installed = _installed()
    for difference in DIFFERENCES:
        if not difference.concerns(candidate):
            continue
        if installed is None:
            is_told, which = not difference.is_of_every_graph, "no Apps SDK is installed here"
        else:
            is_told, which = difference.versions(installed), f"Apps SDK {installed} is installed"
        if is_told:
            yield Finding(f"{difference.what}; {which}. Source: {difference.source}.", is_problem=False)


def _installed() -> Version | None:
    """The Apps SDK's version; None where there is none, or it is no version."""
    try:
        return Version(installed_sdk.sdk_version(installed_sdk.APPS_FILE) or "")
    except InvalidVersion:
        return None


CHECK: Check[Candidate] = Check(
    "SDK versions",
    "What the graph asks of the compiler is taken alike by every version of the SDK of which something else is known.",
    _findings,
)
