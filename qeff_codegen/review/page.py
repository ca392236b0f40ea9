"""The review as one HTML page that needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup

from qeff_codegen.coverage.scenario_margins import shown
from qeff_codegen.emit.steps import STEPS
from qeff_codegen.review.at_release import at_release
from qeff_codegen.review.changed_words import changed_words
from qeff_codegen.review.changes import Hunk, Same
from qeff_codegen.review.colours import coloured
from qeff_codegen.review.environment import page_environment
from qeff_codegen.review.facts import Review, is_by_rule, stage_counts
from qeff_codegen.review.renames import renames
from qeff_codegen.review.sections import Context, Left, sections
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.validation.results import STAGE_NAMES


def as_html(review: Review, catalogue: str | None, site: str | None = None) -> str:
    """The page.

    Args:
        catalogue: where the rule catalogue stands, seen from the page; None when it is not there.
        site: where the page of all families stands, seen from this one; None when it is not there.
    """
    environment = page_environment("qeff_codegen.review")
    upstream, generated = review.model.upstream.lines, review.model.code.splitlines()
    gone, new = changed_words(review.hunks, upstream, generated)
    # Hunks are numbered from top to bottom, whatever section they are in.
    numbers = {id(hunk): number for number, hunk in enumerate(review.hunks, start=1)}
    before = _last_before(review.changes)
    renamed = {id(hunk): renames(hunk, upstream, generated) for hunk in review.hunks}
    return environment.get_template("page.html.jinja").render(
        review=review,
        model=review.model,
        upstream=review.model.upstream,
        sections=sections(review.model, review.changes),
        roles={role.name: role.role for role in review.model.roles},
        number=lambda hunk: numbers[id(hunk)],
        hunks_of=lambda owner: [numbers[id(hunk)] for hunk in review.hunks if owner in hunk.owners],
        kind=_kind,
        is_by_rule=is_by_rule,
        renames=lambda hunk: renamed[id(hunk)],
        rename_count=sum(map(bool, renamed.values())),
        link=lambda lines: _at_release(review.model.upstream, lines),
        last_before=lambda hunk: before[id(hunk)],
        step_ids=STEPS,
        old=_Pane(coloured(upstream, gone)),
        new=_Pane(coloured(generated, new)),
        stage_counts=stage_counts,
        stage_names=STAGE_NAMES,
        shown=shown,
        catalogue=catalogue,
        site=site,
        style=_as_it_is("page.css"),
        script=_as_it_is("page.js"),
        span=span,
    )


class _Pane:
    """Lines of one of the two files as they stand in a box of code."""

    def __init__(self, lines: Sequence[Markup]) -> None:
        self._lines = lines

    def __call__(self, numbers: range) -> Markup:
        line = Markup('<span class="l" data-n="{}">{}\n</span>')
        return Markup().join(line.format(number, self._lines[number - 1]) for number in numbers)


def _as_it_is(name: str) -> Markup:
    return Markup((files("qeff_codegen.review") / "templates" / name).read_text("utf-8"))


def _last_before(changes: Sequence[Same | Hunk]) -> dict[int, int]:
    """For every hunk, the last line of upstream's file that stands above it; 0 where none does."""
    found, last = {}, 0
    for item in changes:
        if isinstance(item, Hunk):
            found[id(item)] = last
        last = max(last, item.upstream.stop - 1)
    return found


def _at_release(upstream: UpstreamModel, lines: range) -> str | None:
    """Where a reader sees lines of upstream's file as the release has them; None for a file that is in none."""
    path, first = upstream.place(lines.start)
    other, last = upstream.place(lines.stop - 1)
    return at_release(upstream.version, path, first, last if other == path else first)


def _kind(block: Context | Hunk | Left) -> str:
    return type(block).__name__.lower()


def span(lines: range) -> str:
    """The lines of a run as a reader writes them: `7` or `7–9`."""
    return str(lines.start) if len(lines) == 1 else f"{lines.start}–{lines.stop - 1}"
