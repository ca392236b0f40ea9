"""A small site: one generated model, families in every state, four releases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.coverage.family_result import MISMATCH, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.known import Known
from qeff_codegen.coverage.scenario_margins import ScenarioMargins
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.releases.table import Release
from qeff_codegen.review.facts import Review, review_of
from qeff_codegen.site.build import write_site
from qeff_codegen.site.family import families
from qeff_codegen.site.missing import ideas
from qeff_codegen.site.package import package_of
from qeff_codegen.site.pages import Site, pages
from qeff_codegen.site.release_map import release_map
from tests.rewrite_rules.example_runner import example_model

VERSION = "9.1.0"
MARGINS = (
    ScenarioMargins("base", "ragged batch", 0.001, 0.01, 40.0),
    ScenarioMargins("base", "chunked prefill", 0.1, 0.0, 12.5),
    ScenarioMargins("a<b", "end of context", 0.05, None, None),
)


def refused(name: str, reason: str, rule: str = "anatomy", line: int = 7) -> FamilyResult:
    return FamilyResult(name, REFUSED, reason=reason, rule=rule, place=f"transformers/models/{name}/m.py:{line}")


SWEPT = (
    FamilyResult("tiny", SUPPORTED, stages=3, scenarios=3, layers=("full",), margins=MARGINS, stage_4="not run"),
    FamilyResult("alike", SUPPORTED, stages=3, scenarios=5, layers=("full",), notes=("alike, base: hardly sharp.",)),
    refused("later", "`LaterMixer` keeps a state", line=9),
    refused("elm", "`ElmMixer` keeps a state: `self.conv`"),
    refused("fir", "`FirBlock` keeps a state: `cache[<0>]`"),
    refused("oak", "OakLayer is of no <kind> that is known", "static_control_flow"),
    FamilyResult("pear", MISMATCH, reason="1 of 8 scenarios differ", detail="base: Stage 2 different", scenarios=8),
)
TABLE = (
    Release("9.0.0", {"tiny": "TinyLM", "elm": "ElmLM", "gone": "GoneLM"}, frozenset()),
    Release(VERSION, {"tiny": "TinyLM", "elm": "ElmLM", "fir": "FirLM", "oak": "OakLM"}, frozenset()),
)
SURVEYED = (
    {
        "release": "9.0.0",
        "generated_families": ["tiny"],
        "refused": [{"family": "elm", "rule": "anatomy", "reason": "no `loop`", "place": "transformers/elm.py:3"}],
    },
    {"release": VERSION, "generated_families": ["tiny"], "refused": []},
)


@pytest.fixture(scope="session")
def review(tmp_path_factory: pytest.TempPathFactory) -> Review:
    """The smallest decoder with every role, as three families have it."""
    nowhere = tmp_path_factory.mktemp("nowhere")
    upstream = replace(example_model(""), families=("alike", "later", "tiny"))
    return review_of(generate_model(upstream), nowhere, nowhere, {})


def site_of(review: Review) -> Site:
    """All that the small site says."""
    package = package_of(review, {result.family: Known(VERSION, result) for result in SWEPT})
    served = {"tiny": "tiny", "alike": "tiny", "later": "tiny", "outside": "outside"}
    found = families([package], served, SWEPT, TABLE[1].causal_lm)
    return Site(VERSION, found, (package,), ideas(found), release_map(SURVEYED, TABLE, SWEPT, VERSION))


@pytest.fixture(scope="session")
def site(review: Review) -> Site:
    """The small site, with its chart."""
    pytest.importorskip("matplotlib", reason="charts need it: pip install -e '.[report]'")
    return site_of(review)


@pytest.fixture(scope="session")
def folder(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small site on disk."""
    place = tmp_path_factory.mktemp("made") / "site"
    write_site(pages(site), place)
    return place
