"""docs/coverage.md and docs/coverage.json: what the last sweep found, for people and for machines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from qeff_codegen.coverage.family_result import REFUSED, STATES, SUPPORTED, FamilyResult
from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole

MARKDOWN = "coverage.md"
JSON = "coverage.json"
# A scenario's margins, and the hashes of what ran, as `json` lays them out.
_ONE_LINE = re.compile(r'\{\n\s+("(?:variant|upstream_sha256)": [^{}]*)\n\s+\}')

_HEAD = """# Coverage

{families} with a causal LM in transformers {version}, generated and validated by `python -m qeff_codegen sweep`.

*Supported*: Stages 1 to {last_stage} are equal in every scenario of every variant of the family's tiny model.
*Refused*: nothing is generated, and the reason names the construct. *Mismatch* (generated code differs from upstream),
*unfit* (it is equal, and its graph fails [preflight](preflight.md) or does not compile) and *failed* (it could not be
found out) are defects.

*Lines changed* are those that a diff of the emitted functions against upstream's adds and removes.
*Kept* is the share of lines that are upstream's own in the emitted attention and decoder layer forwards.
"""


def write_coverage(results: Sequence[FamilyResult], folder: Path, version: str, last_stage: int) -> list[Path]:
    """Write both files; each appears whole or not at all. Gives their paths.

    Raises:
        UsageError: the folder cannot be written to.
    """
    texts = {
        folder / MARKDOWN: as_markdown(results, version, last_stage),
        folder / JSON: as_json(results, version, last_stage),
    }
    for path, text in texts.items():
        try:
            write_whole(path, text)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}. Choose another folder with --output."
            ) from error
    return list(texts)


def as_json(results: Iterable[FamilyResult], version: str, last_stage: int) -> str:
    """All results, sorted by family."""
    families = [result.as_json() for result in sorted(results, key=lambda result: result.family)]
    document = {"transformers": version, "last_stage": last_stage, "families": families}
    # One line a scenario: there are thousands, and a diff shows which of them changed.
    text = _ONE_LINE.sub(lambda found: "{" + re.sub(r"\n\s+", " ", found[1]) + "}", json.dumps(document, indent=2))
    return text + "\n"


def as_markdown(results: Sequence[FamilyResult], version: str, last_stage: int) -> str:
    """The page: counts, defects, then the families, supported ones before refused ones."""
    ordered = sorted(results, key=lambda result: (STATES.index(result.state), result.family))
    families = f"{len(results)} {'family' if len(results) == 1 else 'families'}"
    sections = [_HEAD.format(families=families, version=version, last_stage=last_stage), _counts(ordered)]
    defects = [result for result in ordered if result.is_defect]
    if defects:
        sections.append("## Defects\n\n" + "\n".join(_defect(result) for result in defects))
    supported = [result for result in ordered if result.state == SUPPORTED]
    if supported:
        sections.append("## Supported\n\n" + _supported_table(supported))
    refused = [result for result in ordered if result.state == REFUSED]
    if refused:
        sections.append("## Refused\n\n" + _reasons(refused) + "\n" + _refused_table(refused))
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
    notes = sorted({note for result in results for note in result.notes})
    text = "\n".join(lines) + "\n"
    return text + ("\n" + "".join(f"- {note}\n" for note in notes) if notes else "")


def _lines_changed(result: FamilyResult) -> str:
    return "" if result.lines_added is None else f"+{result.lines_added} -{result.lines_removed}"


def _reasons(results: Sequence[FamilyResult]) -> str:
    counts = Counter(result.rule for result in results)
    lines = ["| refused by | families |", "|---|---|"]
    lines += [
        _row(f"`{rule}`", str(count)) for rule, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "\n".join(lines) + "\n"


def _refused_table(results: Sequence[FamilyResult]) -> str:
    lines = ["| family | refused by | why | where | seconds |", "|---|---|---|---|---|"]
    for result in results:
        place = result.place.removeprefix("transformers/models/")
        lines.append(_row(result.family, f"`{result.rule}`", result.reason, place, f"{result.seconds:.1f}"))
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
