"""`compat`: which transformers release has a family, and what to do when the pinned one does not."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import click
from packaging.version import Version

from qeff_codegen.checked_in.generated_code import families_in
from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.cli.family_names import upstream_families
from qeff_codegen.cli.formats import json_option, show_json
from qeff_codegen.coverage.known import Known, known, refused_at
from qeff_codegen.errors import Refusal
from qeff_codegen.releases.compat import GONE, IN_PINNED, NEWER, Compat
from qeff_codegen.releases.compat import compat as answer_for
from qeff_codegen.releases.table import load_table
from qeff_codegen.upstream.pin import pinned_version


@click.command()
@click.argument("name", shell_complete=upstream_families)
@json_option
def compat(name: str, style: str) -> None:
    """Say which transformers releases have NAME, whether this tool serves it, and what to do.

    Every minor release counts, with its last patch.
    """
    answer = _answer(name)
    tool = support(answer)
    if style == "json":
        show_json({**answer.as_json(), "tool": asdict(tool)})
    else:
        click.echo(as_text(answer, tool))


def _answer(name: str) -> Compat:
    """What the table of releases says.

    Raises:
        UsageError: no release has a model of nearly this name.
        Refusal: none has it with a causal LM; of an image-text model it says what this tool makes of it.
    """
    try:
        return answer_for(name, load_table(), pinned_version())
    except Refusal as refused:
        found = known(name)
        if found is None:
            raise
        raise Refusal(
            f"{refused.what}; it is an image-text model, and the table of releases has none of those",
            rule=refused.rule,
            next_step=f"{_swept(found).sentence}. `python -m qeff_codegen inspect {found.result.family}` says more",
        ) from None


@dataclass(frozen=True)
class Support:
    """Whether this tool serves a family at the release that the answer is about.

    Attributes:
        state: `supported`, `generated` (its code is there, or was generated, and no sweep has seen it), `refused`, or
            `not known`.
        release: the release of transformers.
        reason: why it is refused.
    """

    state: str
    release: str
    reason: str = ""

    @property
    def sentence(self) -> str:
        """For the text."""
        said = {
            "supported": "supported: Stages 1 to 3 were equal in every scenario of the last sweep",
            "generated": "generated; `validate` says whether it equals upstream",
            "refused": f"refused: {self.reason}",
            "not known": "not known here; `python -m qeff_codegen inspect` tries it",
        }
        return f"{self.release}: {said[self.state]}"


def support(answer: Compat) -> Support:
    """What the last sweep, the checked-in models and the last survey of releases say of the family."""
    family, release = answer.history.family, answer.pinned
    if answer.state == IN_PINNED:
        found = known(family)
        swept = Support("not known", release)
        if found is not None and found.transformers == release:
            swept = _swept(found)
        if swept.state != "supported" and family in families_in(INSTALLED):
            return Support("generated", release)
        return swept
    past = answer.history
    newer = [version for version in past.releases if Version(version) > Version(release)]
    release = newer[0] if newer else past.releases[-1]
    why = refused_at(family, release)
    state = "not known" if why is None else "refused" if why else "generated"
    return Support(state, release, why or "")


def _swept(found: Known) -> Support:
    """What the last sweep says alone; of a family that it could not judge, nothing."""
    if found.is_supported:
        return Support("supported", found.transformers)
    if found.is_refused:
        return Support("refused", found.transformers, found.why)
    return Support("not known", found.transformers)


def as_text(answer: Compat, tool: Support) -> str:
    """The answer as a few lines."""
    past = answer.history
    at_pin = {IN_PINNED: "it is there", NEWER: "it is not there yet", GONE: "it is gone"}
    # A command that is refused is no next step.
    is_refused = tool.state == "refused" and answer.state == IN_PINNED
    steps = (f"python -m qeff_codegen inspect {past.family} --all",) if is_refused else answer.next
    rows = [
        ("first", f"{past.releases[0]}, where the table begins" if past.since_table_begins else past.releases[0]),
        ("last", f"{past.last}; gone in {past.gone_in}" if past.last else f"still there in {past.releases[-1]}"),
        ("pinned", f"{answer.pinned}: {at_pin[answer.state]}"),
        ("tool", tool.sentence),
        *zip(("next", "or", "or"), steps, strict=False),
        *(("note", note) for note in answer.notes),
    ]
    return "\n".join([f"{past.family}: {past.causal_lm}", *(f"  {label:8}{text}" for label, text in rows)])
