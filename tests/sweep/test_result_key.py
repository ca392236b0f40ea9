"""A family is swept again when anything that its result depends on has changed, and not otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qeff_codegen.sweep import result_key as module
from qeff_codegen.sweep.result_key import own_files, result_key
from qeff_codegen.upstream import find
from qeff_codegen.upstream.transformers_text import TransformersText
from tests.upstream.conftest import FILES, PAIR_LISTS

PACKAGE = Path(module.__file__).resolve().parents[1]


@pytest.fixture
def forget() -> Iterator[None]:
    """What is read once in a sweep is read again, before and after."""
    module._surroundings.cache_clear()
    module._transformers.cache_clear()
    yield
    module._surroundings.cache_clear()
    module._transformers.cache_clear()


@pytest.fixture
def transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget: None) -> Path:
    """A small transformers package in the place of the installed one."""
    package = tmp_path / "transformers"
    shared = {"masking_utils.py": "", "generation/utils.py": "", "models/apple/configuration_apple.py": ""}
    for name, text in {**FILES, **PAIR_LISTS, **shared}.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    for user in (module, find):
        monkeypatch.setattr(user, "installed_transformers", lambda: TransformersText(package))
    return package


def keys(*families: str) -> dict[str, str]:
    module._surroundings.cache_clear()
    module._transformers.cache_clear()
    return {family: result_key(family, 3) for family in families}


FAMILIES = ("apple_text", "cider", "pear-moe", "plum")


def changed_by(path: Path) -> set[str]:
    """The families whose key is another one after `path` has a line more."""
    before = keys(*FAMILIES)
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "# changed\n")
    after = keys(*FAMILIES)
    return {family for family in FAMILIES if before[family] != after[family]}


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("models/plum/configuration_plum.py", {"plum"}),
        ("models/stone_fruit/modeling_stone_fruit_text.py", {"plum"}),
        ("models/pear_moe/modeling_pear_moe.py", {"pear-moe"}),
        # One modeling file for two families.
        ("models/apple/modeling_apple.py", {"apple_text", "cider"}),
        ("models/apple/configuration_apple.py", {"apple_text", "cider"}),
        ("models/clip/modeling_clip.py", set()),
        ("masking_utils.py", set(FAMILIES)),
        ("generation/utils.py", set(FAMILIES)),
        ("models/auto/modeling_auto.py", set(FAMILIES)),
    ],
)
def test_a_changed_file_of_transformers_changes_those_who_use_it(
    transformers: Path, name: str, families: set[str]
) -> None:
    assert changed_by(transformers / name) == families


def test_a_class_of_another_family_changes_those_who_use_it(transformers: Path) -> None:
    """Its file counts for the family whose file takes a class from it, too."""
    clip = transformers / "models/clip/modeling_clip.py"
    own = "\n\nclass AppleForCausalLM(Base):\n    def forward(self, x):\n        return CLIPModel()(x)\n"
    (transformers / "models/apple/modeling_apple.py").write_text(f"from ..clip.modeling_clip import CLIPModel\n{own}")
    assert changed_by(clip) == {"apple_text", "cider"}


def test_families_with_the_same_source_have_keys_of_their_own(transformers: Path) -> None:
    assert len(set(keys(*FAMILIES).values())) == len(FAMILIES)
    assert keys(*FAMILIES) == keys(*FAMILIES)


def test_the_stages_are_part_of_it(transformers: Path) -> None:
    assert result_key("plum", 2) != result_key("plum", 3)


def test_a_family_without_source_depends_on_the_message(transformers: Path) -> None:
    (transformers / "models/stone_fruit/modeling_stone_fruit_text.py").unlink()
    gone = keys("plum")
    (transformers / "models/plum").mkdir()
    (transformers / "models/plum/modeling_plum.py").write_text("class PlumLMHeadModel: ...\n")
    assert keys("plum") != gone


@pytest.mark.parametrize("package", module.PACKAGES)
def test_another_version_of_a_package_changes_it(
    transformers: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    before, real = keys("plum"), module.version
    monkeypatch.setattr(module, "version", lambda name: "99" if name == package else real(name))
    assert keys("plum") != before


def test_another_python_changes_it(transformers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys("plum")
    monkeypatch.setattr(module.platform, "python_version", lambda: "3.99")
    assert keys("plum") != before


def test_changed_rules_change_it(transformers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys("plum")
    monkeypatch.setattr(module, "rules_sha256", lambda: "other rules")
    assert keys("plum") != before


def test_changed_code_of_ours_changes_it(transformers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tmp_path / "ours.py"
    monkeypatch.setattr(module, "own_files", lambda: [ours])
    ours.write_text("one")
    before = keys("plum")
    ours.write_text("two")
    assert keys("plum") != before


def test_all_code_of_ours_counts_but_what_only_shows_results() -> None:
    left_out = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")}
    left_out -= {path.relative_to(PACKAGE).as_posix() for path in own_files()}
    rooms = ("bump/", "check/", "cli/", "deploy/", "releases/", "review/", "site/")
    assert {name for name in left_out if not name.startswith(rooms)} == {"coverage/page.py", "sweep/progress.py"}
    assert {"cli/sweep.py", "releases/survey.py", "review/page.py"} <= left_out
    assert not {"review/lines_changed.py", "review/upstream_share.py"} & left_out


def test_data_that_code_of_ours_reads_counts_too() -> None:
    counted = {path.relative_to(PACKAGE).as_posix() for path in own_files() if path.suffix == ".json"}
    proofs = "export/proved_operators"
    assert counted == {"preflight/known_operators.json", f"{proofs}/proved.json", f"{proofs}/refuted.json"}
