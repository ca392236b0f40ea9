"""The page, which holds all it needs and loads nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from qeff_codegen.deploy.steps import LookedAt
from qeff_codegen.preflight.candidate import VisionCandidate
from qeff_codegen.preflight.check import Check
from qeff_codegen.preflight.run import CHECKS, OF_VISION, CheckResult
from qeff_codegen.program_report.chart import sizes_chart
from qeff_codegen.program_report.sizes import PartSize, ProgramSize, part_sizes, program_sizes, shown, weights_in_all
from qeff_codegen.program_report.tensors import TensorRow, tensor_rows
from qeff_codegen.review.environment import page_environment

# The look of the review page and of the site, and what this page has beside them.
_STYLES = (
    ("qeff_codegen.review", "page.css"),
    ("qeff_codegen.site", "site.css"),
    ("qeff_codegen.program_report", "report.css"),
)


@dataclass(frozen=True)
class Graph:
    """What the page says of one graph.

    Attributes:
        kind: what it is for.
        name: a word for its parts on the page.
        path: its file.
        nodes: how many it has, those of its functions included.
        inputs, outputs: their rows.
        parts: its layers and other parts.
        programs: its specializations.
        checks: what preflight found, check by check.
        promises: what each check promises, by its name.
    """

    kind: str
    name: str
    path: str
    nodes: int
    inputs: tuple[TensorRow, ...]
    outputs: tuple[TensorRow, ...]
    parts: tuple[PartSize, ...]
    programs: tuple[ProgramSize, ...]
    checks: tuple[CheckResult, ...]
    promises: Mapping[str, str]

    @property
    def weights(self) -> int:
        """Bytes of all weights on the device."""
        return weights_in_all(self.parts)

    @property
    def cache(self) -> int:
        """Bytes of all that is retained there, in the largest specialization."""
        return max((program.cache for program in self.programs), default=0)

    @property
    def problems(self) -> int:
        """How many problems preflight found."""
        return sum(len(check.problems) for check in self.checks)

    @property
    def chart(self) -> Markup:
        """Its sizes by layer."""
        return sizes_chart(f"sizes-{self.name}", self.parts)


@dataclass(frozen=True)
class Report:
    """All that the page says.

    Attributes:
        command: `compile` or `infer`.
        model: the checkpoint, as the user named it.
        graphs: every graph that preflight looked at.
        seconds: how long each step took.
        remarks: what else there is to say, a sentence each.
        commands: the compiler's commands, where there is a program.
        outcome: how the command ended, in a few words, and what that means.
        random_weights: whether it is a tiny model with random weights, whose sizes are no checkpoint's.
    """

    command: str
    model: str
    graphs: tuple[Graph, ...]
    seconds: Mapping[str, float]
    remarks: Sequence[str]
    commands: Sequence[str]
    outcome: tuple[str, str]
    random_weights: bool


def graph_of(looked_at: LookedAt) -> Graph:
    """What the page says of a graph that preflight looked at."""
    candidate = looked_at.candidate
    model = candidate.graph_model
    checks: Sequence[Check[Any]] = OF_VISION if isinstance(candidate, VisionCandidate) else CHECKS
    return Graph(
        kind=looked_at.kind,
        name=re.sub(r"\W+", "-", looked_at.kind),
        path=str(candidate.onnx_path),
        nodes=sum(1 for _ in candidate.nodes()),
        inputs=tensor_rows(model.graph.inputs),
        outputs=tensor_rows(model.graph.outputs),
        parts=part_sizes(looked_at),
        programs=program_sizes(looked_at),
        checks=looked_at.found.results,
        promises={check.name: check.promise for check in checks},
    )


def as_html(report: Report) -> str:
    """The page's text."""
    environment = page_environment("qeff_codegen.program_report")
    style = "".join((files(package) / "templates" / name).read_text("utf-8") for package, name in _STYLES)
    return environment.get_template("report.html.jinja").render(report=report, shown=shown, style=Markup(style))
