"""The review as the body of a pull request."""

from __future__ import annotations

import re

from qeff_codegen.review.changes import Hunk
from qeff_codegen.review.checklist import checklist
from qeff_codegen.review.facts import Review, stage_counts
from qeff_codegen.review.markdown import markdown_environment
from qeff_codegen.review.sections import Section, sections
from qeff_codegen.review.terminal import hunk_header
from qeff_codegen.validation.results import STAGE_NAMES

# What GitHub takes as the body of a pull request; counted in bytes, which are never fewer than its characters.
GITHUB_LIMIT = 65_536
# From a pull request's own address, whatever the default branch is called.
CATALOGUE = "../blob/HEAD/docs/rules.md"


def as_markdown(review: Review) -> str:
    """Summary, checklist and hunks; hunks that would make the body too long are counted and left out."""
    template = markdown_environment("qeff_codegen.review").get_template("pull_request.md.jinja")
    shown = [section for section in sections(review.model, review.changes) if section.hunks]
    for count in range(len(shown), -1, -1):
        text = template.render(
            review=review,
            model=review.model,
            upstream=review.model.upstream,
            checklist=checklist(review),
            stage_counts=stage_counts,
            stage_names=STAGE_NAMES,
            catalogue=CATALOGUE,
            sections=shown[:count],
            left_out=sum(len(section.hunks) for section in shown[count:]),
            diff=lambda section: _diff(review, section),
        )
        if len(text.encode()) < GITHUB_LIMIT:
            break
    return text


def _diff(review: Review, section: Section) -> str:
    """The section's hunks, each under the rules that made it, fenced so that no line can end the fence."""
    return "\n\n".join(_hunk(review, hunk) for hunk in section.hunks)


def _hunk(review: Review, hunk: Hunk) -> str:
    upstream, generated = review.model.upstream.lines, review.model.code.splitlines()
    lines = [hunk_header(hunk)]
    lines += [f"-{upstream[number - 1]}" for number in hunk.upstream]
    lines += [f"+{generated[number - 1]}" for number in hunk.generated]
    fence = "`" * (max((len(run) for line in lines for run in re.findall("`{3,}", line)), default=2) + 1)
    owners = [f"- [{owner}]({CATALOGUE}#{owner}): {review.why(owner)}" for owner in hunk.owners]
    return "\n".join([*owners, "", f"{fence}diff", *lines, fence])
