"""Runs every check on a graph, and says what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from qeff_codegen.errors import EXIT_REFUSED, QEffCodegenError
from qeff_codegen.export.vision_export import OneImageSpec
from qeff_codegen.preflight import (
    constants,
    float16_activations,
    float16_weights,
    interface,
    known_dimensions,
    known_operators,
    known_states,
    sdk_versions,
    specialized_axes,
    vision_interface,
    weights_once,
)
from qeff_codegen.preflight.candidate import Candidate, GraphCandidate, VisionCandidate
from qeff_codegen.preflight.check import Check, Finding

# In the order in which a reader can use what they say: an unknown operator may be why a dimension is unknown. The
# first says whether tensors have the names that the others look for.
_OF_ANY_GRAPH: tuple[Check[GraphCandidate], ...] = (
    specialized_axes.CHECK,
    known_operators.CHECK,
    known_dimensions.CHECK,
    constants.CHECK,
    weights_once.CHECK,
    float16_weights.CHECK,
)
CHECKS: tuple[Check[Candidate], ...] = (
    interface.CHECK,
    *_OF_ANY_GRAPH,
    float16_activations.CHECK,
    known_states.CHECK,
    sdk_versions.CHECK,
)
OF_VISION: tuple[Check[VisionCandidate], ...] = (vision_interface.CHECK, *_OF_ANY_GRAPH, float16_activations.CHECK)
# What no image decides stands in the graph of one image as its result: positions, resized tables, places.
OF_ONE_IMAGE = tuple(check for check in OF_VISION if check is not constants.CHECK)

Looked = TypeVar("Looked", bound=GraphCandidate)


class PreflightFailed(QEffCodegenError):
    """The graph was not handed to the compiler; the message names each check that failed, where, and what to do."""

    exit_code = EXIT_REFUSED


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        check: its name.
        findings: problems and remarks, in the order in which they were found.
    """

    check: str
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What the graph fails for."""
        return tuple(finding for finding in self.findings if finding.is_problem)


@dataclass(frozen=True)
class Preflight:
    """What is known of a graph before it is compiled."""

    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """No check found a problem. It says nothing about what the compiler or the device will do."""
        return not any(result.problems for result in self.results)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth knowing and fails nothing."""
        return tuple(
            f"{result.check}: {finding.what}"
            for result in self.results
            for finding in result.findings
            if not finding.is_problem
        )

    def __str__(self) -> str:
        """Every problem, each under its check's name; empty where there is none."""
        return "\n".join(
            f"preflight failed, {result.check}: {problem}" for result in self.results for problem in result.problems
        )

    def refuse_problems(self) -> None:
        """Stops here if a check found a problem.

        Raises:
            PreflightFailed: with every problem.
        """
        if not self.passed:
            raise PreflightFailed(str(self))


def preflight(candidate: Candidate) -> Preflight:
    """Run every check on `candidate`; only the first where that fails, as the others go by the contract's names."""
    return _run(CHECKS, candidate)


def vision_preflight(candidate: VisionCandidate) -> Preflight:
    """The same for a vision program; one of one image may have large constants."""
    return _run(OF_ONE_IMAGE if isinstance(candidate.spec, OneImageSpec) else OF_VISION, candidate)


def _run(checks: Sequence[Check[Looked]], candidate: Looked) -> Preflight:
    results: list[CheckResult] = []
    for check in checks:
        results.append(CheckResult(check.name, tuple(check.findings(candidate))))
        if check is checks[0] and results[0].problems:
            break
    return Preflight(tuple(results))
