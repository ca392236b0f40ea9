"""Every file of the site as text: four kinds of page, the review pages, one style and one script."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup

from qeff_codegen.coverage.family_result import DEFECTS, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.scenario_margins import shown
from qeff_codegen.review.at_release import at_release
from qeff_codegen.review.environment import page_environment
from qeff_codegen.site import picture
from qeff_codegen.site.family import ALL_STATES, NOT_SWEPT, Family
from qeff_codegen.site.missing import Idea
from qeff_codegen.site.package import Package
from qeff_codegen.site.release_map import Cell, ReleaseMap
from qeff_codegen.validation.results import STAGE_NAMES

# Which pages are of this site is seen by this, when it is written again.
GENERATOR = '<meta name="generator" content="qeff_codegen report">'


@dataclass(frozen=True)
class Site:
    """All that the pages say.

    Attributes:
        version: the transformers release that was swept.
        families: every family, by name.
        packages: every package that could be generated, by name.
        ideas: what is missing, the most wanted first.
        releases: which family is generated from which release.
    """

    version: str
    families: tuple[Family, ...]
    packages: tuple[Package, ...]
    ideas: tuple[Idea, ...]
    releases: ReleaseMap


def pages(site: Site) -> dict[str, str]:
    """The text of every file, by its path below the site's folder; the same site gives the same bytes."""
    environment = _environment(site)
    texts = {
        "index.html": environment.get_template("index.html.jinja").render(root="", here="families"),
        "releases.html": environment.get_template("releases.html.jinja").render(root="", here="releases"),
        "missing.html": environment.get_template("missing.html.jinja").render(root="", here="missing"),
        "style.css": _file("qeff_codegen.review", "page.css") + _file("qeff_codegen.site", "site.css"),
        "site.js": _file("qeff_codegen.site", "site.js"),
    }
    template = environment.get_template("family.html.jinja")
    for family in site.families:
        texts[f"families/{family.name}.html"] = template.render(root="../", here="", family=family)
    for package in site.packages:
        texts[f"review/{package.name}.html"] = package.review
    return texts


def _environment(site: Site) -> Environment:
    environment = page_environment("qeff_codegen.site")
    counts = Counter(family.state for family in site.families)
    environment.globals.update(
        site=site,
        generator=Markup(GENERATOR),
        counts=counts,
        defects=sum(counts[state] for state in DEFECTS),
        states=[state for state in ALL_STATES if counts[state]],
        supported=SUPPORTED,
        refused=REFUSED,
        not_swept=NOT_SWEPT,
        known=frozenset(family.name for family in site.families),
        idea_of={member.name: number for number, idea in enumerate(site.ideas, 1) for member in idea.families},
        address=partial(_address, site.version),
        cell_address=_cell_address,
        title=_title,
        shown=shown,
        stage_names=STAGE_NAMES,
        # What the picture needs to know of its measures.
        drawn=picture.picture,
        width=picture.WIDTH,
        pad=picture.PAD,
    )
    return environment


def _address(version: str, result: FamilyResult) -> str | None:
    """Where upstream's line stands that a family was refused for."""
    return _cell_address(version, Cell(REFUSED, place=result.place))


def _cell_address(version: str, cell: Cell) -> str | None:
    path, _, line = cell.place.rpartition(":")
    return at_release(version, path, int(line), int(line)) if line.isdecimal() else None


def _title(family: str, release: str, cell: Cell) -> str:
    """A cell of the map in words."""
    reason = f": {cell.reason}" if cell.reason else ""
    return f"{family}, {release}: {cell.state}{f' by {cell.rule}' if cell.rule else ''}{reason}"


def _file(package: str, name: str) -> str:
    return (files(package) / "templates" / name).read_text("utf-8")
