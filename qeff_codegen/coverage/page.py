"""docs/coverage.md and docs/coverage.json: what the last sweep found, for people and for machines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from qeff_codegen.coverage.contract import against_it
from qeff_codegen.coverage.family_result import REFUSED, STATES, SUPPORTED, FamilyResult
from qeff_codegen.coverage.swept import IMAGES, TASKS, TEXT, Swept, read_coverage
from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole

MARKDOWN = "coverage.md"
JSON = "coverage.json"
# A scenario's margins, and the hashes of what ran, as `json` lays them out.
_ONE_LINE = re.compile(r'\{\n\s+("(?:variant|upstream_sha256)": [^{}]*)\n\s+\}')

_HEAD = """# Coverage

Families of transformers, generated and validated by `python -m qeff_codegen sweep`.

*Supported*: Stages 1 to 3, or those that are named, are equal in every scenario of every variant of the family's tiny
model. *Refused*: nothing is generated, and the reason names the construct; either no graph of the device's contract
computes it, or a rule is missing. *Mismatch* (generated code differs from upstream), *unfit* (it is equal, and its
graph fails [preflight](preflight.md) or does not compile) and *failed* (it could not be found out) are defects.

*Lines changed* are those that a diff of the emitted functions against upstream's adds and removes.
*Kept* is the share of lines that are upstream's own in the emitted attention and decoder layer forwards.
"""
_SECTIONS = {
    TEXT: "## Causal LMs\n\n{families} with a causal LM in transformers {version}, Stages 1 to {last_stage}: "
    "`python -m qeff_codegen sweep`.\n",
    IMAGES: "## Image-text models\n\n{families} with an image-text model in transformers {version}, Stages 1 to "
    "{last_stage}: `python -m qeff_codegen sweep --task image-text-to-text`.\n\nA family that stands in both tables "
    "is the same model in both. *Rewritten* are the functions between pixels and text model that are generated; all "
    "other code of a tower is upstream's own.\n",
}


def write_coverage(swept: Swept, task: str, folder: Path) -> list[Path]:
    """Write both files; each appears whole or not at all. What they say of other tasks stays.

    Returns:
        Their paths.

    Raises:
        UsageError: the folder cannot be written to, or what is there cannot be read.
    """
    earlier = folder / JSON
    try:
        others = read_coverage(earlier) if earlier.is_file() else {}
    except ValueError as error:
        raise UsageError(
            f"{earlier} cannot be read: {error}. Take it from a checkout again, or choose another folder by "
            "--output."
        ) from error
    tasks = {**others, task: swept}
    for path, text in {folder / MARKDOWN: as_markdown(tasks), earlier: as_json(tasks)}.items():
        try:
            write_whole(path, text)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}. Choose another folder with --output."
            ) from error
    return [folder / MARKDOWN, earlier]


def as_json(tasks: Mapping[str, Swept]) -> str:
    """The document of all tasks."""
    return laid_out({task: tasks[task].as_json() for task in TASKS if task in tasks})


def laid_out(document: dict[str, Any]) -> str:
    """JSON with one line a scenario: there are thousands, and a diff shows which of them changed."""
    return (
        _ONE_LINE.sub(lambda found: "{" + re.sub(r"\n\s+", " ", found[1]) + "}", json.dumps(document, indent=2)) + "\n"
    )


def as_markdown(tasks: Mapping[str, Swept]) -> str:
    """The page: for each task counts, defects, then the families, supported ones before refused ones."""
    return "\n".join([_HEAD, *(_section(task, tasks[task]) for task in TASKS if task in tasks)])


def _section(task: str, swept: Swept) -> str:
    results = swept.results
    ordered = sorted(results, key=lambda result: (STATES.index(result.state), result.family))
    families = f"{len(results)} {'family' if len(results) == 1 else 'families'}"
    head = _SECTIONS[task].format(families=families, version=swept.transformers, last_stage=swept.last_stage)
    sections = [head, _counts(ordered)]
    defects = [result for result in ordered if result.is_defect]
    if defects:
        sections.append("### Defects\n\n" + "\n".join(_defect(result) for result in defects))
    supported = [result for result in ordered if result.state == SUPPORTED]
    if supported:
        table = _supported_table(supported) if task == TEXT else _images_table(supported)
        sections.append("### Supported\n\n" + table)
    refused = [result for result in ordered if result.state == REFUSED]
    unfitting = [result for result in refused if against_it(result)]
    wanting = [result for result in refused if not against_it(result)]
    if unfitting:
        sections.append("### Refused by the device's contract\n\n" + _contract_table(unfitting))
    if wanting:
        sections.append("### Refused for want of a rule\n\n" + _reasons(wanting) + "\n" + _refused_table(wanting))
    return "\n".join(sections)


def _counts(results: Sequence[FamilyResult]) -> str:
    counts = Counter(result.state for result in results)
    lines = [f"| state | families |\n|---|---|\n{_row('all', str(len(results)))}"]
    lines += [_row(state, str(counts[state])) for state in STATES]
    text = "\n".join(lines) + "\n"
    added = [result.lines_added for result in results if result.lines_added is not None]
    removed = [result.lines_removed for result in results if result.lines_removed is not None]
    if added and removed:
        text += f"\nLines changed in the median: +{median(added):.0f} -{median(removed):.0f}.\n"
    shares = [result.kept for result in results if result.kept is not None]
    device = Counter(result.stage_4 for result in results if result.state == SUPPORTED and result.stage_4)
    text += "".join(
        f"\nStage 4 (Cloud AI 100): {status}, in {count} supported {'family' if count == 1 else 'families'}.\n"
        for status, count in sorted(device.items())
    )
    if shares:
        text += f"\nKept in the median: {median(shares):.0%}; in the family with the least: {min(shares):.0%}.\n"
    return text


def _defect(result: FamilyResult) -> str:
    heading = result.state.upper()
    detail = "".join(f"    {line}\n" for line in result.detail.splitlines())
    return f"**{heading}: {result.family}**: {result.reason}\n" + (f"\n{detail}" if detail else "")


def _supported_table(results: Sequence[FamilyResult]) -> str:
    lines = [_row("family", "layers", "stages", "scenarios", "lines changed", "kept", "seconds"), "|---" * 7 + "|"]
    for result in results:
        cells = (result.family, ", ".join(result.layers), f"1-{result.stages}", str(result.scenarios))
        share = "" if result.kept is None else f"{result.kept:.0%}"
        lines.append(_row(*cells, _lines_changed(result), share, f"{result.seconds:.1f}"))
    return "\n".join(lines) + "\n" + _notes(results)


def _images_table(results: Sequence[FamilyResult]) -> str:
    lines = [
        _row("family", "vision tower", "text model", "stages", "scenarios", "rewritten", "seconds"),
        "|---" * 7 + "|",
    ]
    for result in results:
        assert result.images is not None
        parts = result.images
        rewritten = ", ".join(f"`{name}`" for name in parts.rewritten)
        cells = (
            result.family,
            parts.vision_tower or "none",
            parts.text_model,
            f"1-{result.stages}",
            str(result.scenarios),
            rewritten,
        )
        lines.append(_row(*cells, f"{result.seconds:.1f}"))
    return "\n".join(lines) + "\n" + _notes(results)


def _notes(results: Sequence[FamilyResult]) -> str:
    notes = sorted({note for result in results for note in result.notes})
    return "\n" + "".join(f"- {note}\n" for note in notes) if notes else ""


def _lines_changed(result: FamilyResult) -> str:
    return "" if result.lines_added is None else f"+{result.lines_added} -{result.lines_removed}"


def _reasons(results: Sequence[FamilyResult]) -> str:
    counts = Counter(result.rule for result in results)
    lines = ["| refused by | families |", "|---|---|"]
    lines += [
        _row(f"`{rule}`", str(count)) for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "\n".join(lines) + "\n"


def _contract_table(results: Sequence[FamilyResult]) -> str:
    lines = [_row("family", "why", "the contract", "where"), "|---" * 4 + "|"]
    for result in results:
        lines.append(_row(result.family, result.reason, against_it(result), _place(result)))
    return "\n".join(lines) + "\n"


def _place(result: FamilyResult) -> str:
    return result.place.removeprefix("transformers/models/")


def _refused_table(results: Sequence[FamilyResult]) -> str:
    lines = ["| family | refused by | why | where | seconds |", "|---|---|---|---|---|"]
    for result in results:
        rule = f"`{result.rule}`"
        lines.append(_row(result.family, rule, result.reason, _place(result), f"{result.seconds:.1f}"))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
