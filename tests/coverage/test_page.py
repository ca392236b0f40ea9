"""The page and the document of a sweep, word for word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qeff_codegen.coverage.family_result import FAILED, MISMATCH, REFUSED, SUPPORTED, FamilyResult
from qeff_codegen.coverage.image_parts import ImageParts
from qeff_codegen.coverage.page import as_json, as_markdown, write_coverage
from qeff_codegen.coverage.scenario_margins import ScenarioMargins
from qeff_codegen.coverage.swept import IMAGES, TEXT, Swept, read_coverage
from qeff_codegen.coverage.swept_code import SweptCode
from qeff_codegen.errors import UsageError
from qeff_codegen.validation.results import PREFLIGHT_PASSED

PLACE = "transformers/models/clip/modeling_clip.py:7"
PLUM = FamilyResult(
    "plum",
    SUPPORTED,
    seconds=12.34,
    stages=3,
    scenarios=8,
    layers=("full", "experts"),
    lines_added=46,
    lines_removed=60,
    kept=0.75,
    notes=("plum, base: hardly sharp.",),
    stage_4=PREFLIGHT_PASSED,
    margins=(
        ScenarioMargins("base", "ragged batch", 0.0205, 0.04, 12.9),
        ScenarioMargins("base", "end", 0.1, None, 9.0),
    ),
    code=SweptCode("aa", "bb", "cc"),
)
APPLE = FamilyResult(
    "apple",
    SUPPORTED,
    seconds=4.0,
    stages=3,
    scenarios=12,
    layers=("sliding",),
    lines_added=40,
    lines_removed=170,
    kept=0.5,
)
CLIP = FamilyResult("clip", REFUSED, seconds=0.2, reason="`a | b`\nis odd", rule="anatomy", place=PLACE)
FIG = FamilyResult("fig", REFUSED, seconds=0.1, reason="no loop", rule="anatomy")
DATE = FamilyResult("date", REFUSED, seconds=0.1, reason="no cache", rule="return_cache", place="date.py:1")
PEAR = FamilyResult(
    "pear",
    MISMATCH,
    seconds=9.0,
    reason="1 of 8 scenarios differ from upstream",
    detail="base, ragged batch: Stage 2 different: here\nand there",
    stages=3,
    scenarios=8,
    layers=("full",),
    lines_added=10,
    lines_removed=10,
    kept=0.9,
)
QUINCE = FamilyResult("quince", FAILED, seconds=180.0, reason="not done after 180 s, ended")
ALL = (PLUM, CLIP, QUINCE, APPLE, PEAR, FIG, DATE)

MARKDOWN = """\
# Coverage

Families of transformers, generated and validated by `python -m qeff_codegen sweep`.

*Supported*: Stages 1 to 3, or those that are named, are equal in every scenario of every variant of the family's tiny
model. *Refused*: nothing is generated, and the reason names the construct; either no graph of the device's contract
computes it, or a rule is missing. *Mismatch* (generated code differs from upstream), *unfit* (it is equal, and its
graph fails [preflight](preflight.md) or does not compile) and *failed* (it could not be found out) are defects.

*Lines changed* are those that a diff of the emitted functions against upstream's adds and removes.
*Kept* is the share of lines that are upstream's own in the emitted attention and decoder layer forwards.

## Causal LMs

7 families with a causal LM in transformers 9.8.7, Stages 1 to 3: `python -m qeff_codegen sweep`.

| state | families |
|---|---|
| all | 7 |
| mismatch | 1 |
| failed | 1 |
| unfit | 0 |
| supported | 2 |
| refused | 3 |

Lines changed in the median: +40 -60.

Stage 4 (Cloud AI 100): preflight passed, not run on hardware, in 1 supported family.

Kept in the median: 75%; in the family with the least: 50%.

### Defects

**MISMATCH: pear**: 1 of 8 scenarios differ from upstream

    base, ragged batch: Stage 2 different: here
    and there

**FAILED: quince**: not done after 180 s, ended

### Supported

| family | layers | stages | scenarios | lines changed | kept | seconds |
|---|---|---|---|---|---|---|
| apple | sliding | 1-3 | 12 | +40 -170 | 50% | 4.0 |
| plum | full, experts | 1-3 | 8 | +46 -60 | 75% | 12.3 |

- plum, base: hardly sharp.

### Refused for want of a rule

| refused by | families |
|---|---|
| `anatomy` | 2 |
| `return_cache` | 1 |

| family | refused by | why | where | seconds |
|---|---|---|---|---|
| clip | `anatomy` | `a \\| b` is odd | clip/modeling_clip.py:7 | 0.2 |
| date | `return_cache` | no cache | date.py:1 | 0.1 |
| fig | `anatomy` | no loop |  | 0.1 |
"""

JSON = """\
{
  "text-generation": {
    "transformers": "9.8.7",
    "last_stage": 2,
    "families": [
      {
        "family": "fig",
        "state": "refused",
        "seconds": 0.1,
        "reason": "no loop",
        "rule": "anatomy",
        "place": "",
        "detail": "",
        "stages": null,
        "scenarios": 0,
        "layers": [],
        "lines_added": null,
        "lines_removed": null,
        "kept": null,
        "notes": [],
        "stage_4": "",
        "margins": [],
        "images": null,
        "code": null
      },
      {
        "family": "plum",
        "state": "supported",
        "seconds": 12.34,
        "reason": "",
        "rule": "",
        "place": "",
        "detail": "",
        "stages": 3,
        "scenarios": 8,
        "layers": [
          "full",
          "experts"
        ],
        "lines_added": 46,
        "lines_removed": 60,
        "kept": 0.75,
        "notes": [
          "plum, base: hardly sharp."
        ],
        "stage_4": "preflight passed, not run on hardware",
        "margins": [
          {"variant": "base", "scenario": "ragged batch", "torch": 0.0205, "onnx": 0.04, "choice": 12.9},
          {"variant": "base", "scenario": "end", "torch": 0.1, "onnx": null, "choice": 9.0}
        ],
        "images": null,
        "code": {"upstream_sha256": "aa", "generated_sha256": "bb", "mappings_sha256": "cc"}
      }
    ]
  }
}
"""


IMAGES_SECTION = """\
## Image-text models

2 families with an image-text model in transformers 9.8.8, Stages 1 to 3: `python -m qeff_codegen sweep --task \
image-text-to-text`.

A family that stands in both tables is the same model in both. *Rewritten* are the functions between pixels and text \
model that are generated; all other code of a tower is upstream's own.

| state | families |
|---|---|
| all | 2 |
| mismatch | 0 |
| failed | 0 |
| unfit | 0 |
| supported | 1 |
| refused | 1 |

### Supported

| family | vision tower | text model | stages | scenarios | rewritten | seconds |
|---|---|---|---|---|---|---|
| kiwi | clip_vision_model | llama | 1-3 | 9 | `KiwiModel.get_image_features` | 2.0 |

### Refused for want of a rule

| refused by | families |
|---|---|
| `anatomy` | 1 |

| family | refused by | why | where | seconds |
|---|---|---|---|---|
| fig | `anatomy` | no loop |  | 0.1 |
"""
KIWI = FamilyResult(
    "kiwi",
    SUPPORTED,
    seconds=2.0,
    stages=3,
    scenarios=9,
    images=ImageParts("clip_vision_model", "llama", ("KiwiModel.get_image_features",)),
)
SWEPT = Swept("9.8.7", 3, ALL)
OF_IMAGES = Swept("9.8.8", 3, (FIG, KIWI))


def test_the_page() -> None:
    assert as_markdown({TEXT: SWEPT}) == MARKDOWN
    assert as_markdown({TEXT: replace(SWEPT, results=ALL[::-1])}) == MARKDOWN, "families end in any order"


def test_image_text_models_have_a_section_of_their_own() -> None:
    assert as_markdown({IMAGES: OF_IMAGES, TEXT: SWEPT}) == f"{MARKDOWN}\n{IMAGES_SECTION}"


def test_the_document() -> None:
    assert as_json({TEXT: Swept("9.8.7", 2, (PLUM, FIG))}) == JSON


def test_the_document_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "coverage.json"
    path.write_text(as_json({TEXT: SWEPT, IMAGES: OF_IMAGES}))
    by_name = replace(SWEPT, results=tuple(sorted(ALL, key=lambda result: result.family)))
    assert read_coverage(path) == {TEXT: by_name, IMAGES: OF_IMAGES}


def test_a_sweep_leaves_what_was_found_of_other_tasks(tmp_path: Path) -> None:
    write_coverage(OF_IMAGES, IMAGES, tmp_path)
    write_coverage(SWEPT, TEXT, tmp_path)
    assert (tmp_path / "coverage.md").read_text("utf-8") == f"{MARKDOWN}\n{IMAGES_SECTION}"
    (tmp_path / "coverage.json").write_text("[]")
    with pytest.raises(UsageError, match=r"coverage\.json cannot be read: it is damaged or old"):
        write_coverage(SWEPT, TEXT, tmp_path)


def test_a_document_of_before_margins_and_hashes_were_kept_is_read() -> None:
    record = {name: value for name, value in PLUM.as_json().items() if name not in ("margins", "code", "images")}
    assert FamilyResult.from_json(record) == replace(PLUM, margins=(), code=None)


def test_sections_without_families_are_left_out() -> None:
    page = as_markdown({TEXT: Swept("9.8.7", 2, (CLIP,))})
    assert "\n1 family with a causal LM" in page
    assert "Stages 1 to 2: `" in page
    assert "### Refused for want of a rule" in page
    for absent in ("## Defects", "## Supported", "median", "## Image-text"):
        assert absent not in page


def test_both_files_are_written(tmp_path: Path) -> None:
    paths = write_coverage(SWEPT, TEXT, tmp_path / "docs")
    assert paths == [tmp_path / "docs/coverage.md", tmp_path / "docs/coverage.json"]
    assert [path.read_text("utf-8") for path in paths] == [MARKDOWN, as_json({TEXT: SWEPT})]
    assert sorted((tmp_path / "docs").iterdir()) == sorted(paths)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match=r"coverage\.md cannot be written: .*Choose another folder with --output\."):
        write_coverage(SWEPT, TEXT, tmp_path / "taken")
