"""docs/releases.md and docs/releases.json: what the last survey over releases found, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole
from qeff_codegen.releases.neighbours import ReleaseShare
from qeff_codegen.releases.verdict import Verdict

MARKDOWN = "releases.md"
JSON = "releases.json"

_HEAD = """# Releases

Minor releases of transformers, each with its last patch, and all read by the same rules. `make releases` generates and
verifies every family with a causal LM, from text alone; what was run as well is in [coverage](coverage.md).

*Population*: the families of a release that are generated from the minor release before it or after it, or are
supported at {pinned}, the release that was swept. *Generated*: those of them that pass every rule and every check.
*Share*: the second of the first. *Besides*: families that are generated though they are not in the population.
"""


def write_survey(found: Sequence[ReleaseShare], folder: Path, pinned: str) -> list[Path]:
    """Write both files; each appears whole or not at all. Gives their paths.

    Raises:
        UsageError: the folder cannot be written to.
    """
    texts = {folder / MARKDOWN: as_markdown(found, pinned), folder / JSON: as_json(found, pinned)}
    for path, text in texts.items():
        try:
            write_whole(path, text)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}.\nChoose another folder with --output."
            ) from error
    return list(texts)


def as_json(found: Sequence[ReleaseShare], pinned: str) -> str:
    """Every release with its numbers and its refusals."""
    releases = [
        {
            "release": share.version,
            "families": share.families,
            "population": len(share.population),
            "generated": share.generated,
            "share": round(share.share, 4),
            "besides": share.outside,
            "generated_families": [name for name in share.population if name not in share.refused],
            "refused": [{"family": name, **verdict.as_json()} for name, verdict in sorted(share.refused.items())],
        }
        for share in found
    ]
    return json.dumps({"pinned": pinned, "releases": releases}, indent=2) + "\n"


def as_markdown(found: Sequence[ReleaseShare], pinned: str) -> str:
    """The page: a line for each release, then every family that is refused."""
    sections = [_HEAD.format(pinned=pinned), _table(found), _summary(found)]
    refused = _refused(found)
    if refused:
        sections.append("## Refused\n\n" + refused)
    return "\n".join(sections)


def _table(found: Sequence[ReleaseShare]) -> str:
    lines = [_row("release", "families", "population", "generated", "share", "besides"), "|---" * 6 + "|"]
    for share in found:
        numbers = (share.families, len(share.population), share.generated)
        lines.append(_row(share.version, *map(str, numbers), f"{share.share:.1%}", str(share.outside)))
    return "\n".join(lines) + "\n"


def _summary(found: Sequence[ReleaseShare]) -> str:
    population = sum(len(share.population) for share in found)
    generated = sum(share.generated for share in found)
    least = min(found, key=lambda share: share.share)
    return (
        f"Over all of them: {generated} of {population}, {generated / population if population else 1:.1%}. "
        f"The least: {least.share:.1%}, in {least.version}.\n"
    )


def _refused(found: Sequence[ReleaseShare]) -> str:
    """One line for a family and a reason, with all the releases it stands in."""
    releases: dict[tuple[str, str, str], list[int]] = {}
    first: dict[tuple[str, str, str], Verdict] = {}
    for place, share in enumerate(found):
        for family, verdict in share.refused.items():
            key = (family, verdict.rule, verdict.reason)
            releases.setdefault(key, []).append(place)
            first.setdefault(key, verdict)
    if not releases:
        return ""
    lines = [_row("family", "releases", "refused by", "why", "where"), "|---" * 5 + "|"]
    for key in sorted(releases):
        family, rule, reason = key
        where = first[key].place.removeprefix("transformers/models/")
        lines.append(_row(family, _spans(releases[key], found), f"`{rule}`", reason, where))
    return "\n".join(lines) + "\n"


def _spans(places: Sequence[int], found: Sequence[ReleaseShare]) -> str:
    """Releases as a reader says them: those that follow each other as first to last."""
    spans: list[list[int]] = []
    for place in places:
        if spans and spans[-1][-1] == place - 1:
            spans[-1].append(place)
        else:
            spans.append([place])
    names = [[found[place].version for place in span] for span in spans]
    return ", ".join(span[0] if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in names)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
