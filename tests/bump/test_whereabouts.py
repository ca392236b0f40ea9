"""The traces that a family leaves when it goes."""

from __future__ import annotations

from pathlib import Path

from qeff_codegen.bump.whereabouts import whereabouts
from tests.bump.releases import NEW, NO_CHANGE, OLD, Change, write, write_release

Families = dict[str, tuple[str, Change]]
APPLE: Families = {"apple": ("Apple", NO_CHANGE)}
PEAR: Families = {"pear": ("Pear", NO_CHANGE)}


def went(folder: Path, family: str, before: Families, after: Families, files: dict[str, str] | None = None) -> str:
    old, new = write_release(folder, OLD, before), write_release(folder, NEW, after)
    for name, text in (files or {}).items():
        write(Path(str(new.root)) / name, text)
    return whereabouts(family, old, new)


def test_a_class_that_served_others_and_still_does(tmp_path: Path) -> None:
    before = APPLE | {"cider": ("Apple", NO_CHANGE)}
    after = APPLE | {"juice": ("Apple", NO_CHANGE)}
    assert went(tmp_path, "cider", before, after) == "no model type there; AppleForCausalLM still serves `apple`"


def test_a_class_under_another_model_type(tmp_path: Path) -> None:
    after = PEAR | {"malus": ("Apple", NO_CHANGE)}
    assert went(tmp_path, "apple", APPLE, after) == "its causal LM AppleForCausalLM is now that of `malus`"


def test_a_configuration_under_another_model_type(tmp_path: Path) -> None:
    after: Families = {"malus": ("Malus", NO_CHANGE)}
    table = 'CONFIG_MAPPING_NAMES = OrderedDict([("malus", "AppleConfig")])\n'
    said = went(tmp_path, "apple", APPLE, after, {"models/auto/configuration_auto.py": table})
    assert said == "its configuration AppleConfig is now that of `malus`"


def test_a_class_that_is_no_causal_lm_any_more(tmp_path: Path) -> None:
    table = 'CONFIG_MAPPING_NAMES = OrderedDict([("apple", "AppleConfig"), ("pear", "PearConfig")])\n'
    files = {
        "models/auto/configuration_auto.py": table,
        "models/fruit/modeling_fruit.py": "class AppleForCausalLM(nn.Module): ...\n",
    }
    said = went(tmp_path, "apple", APPLE, PEAR, files)
    assert said == "a model type still; AppleForCausalLM stands in transformers/models/fruit/modeling_fruit.py"


def test_another_family_in_its_folder(tmp_path: Path) -> None:
    table = 'CONFIG_MAPPING_NAMES = OrderedDict([("pear", "PearConfig")])\n'
    table += 'SPECIAL_MODEL_TYPE_TO_MODULE_NAME = OrderedDict([("pear", "apple")])\n'
    said = went(tmp_path, "apple", APPLE, PEAR, {"models/auto/configuration_auto.py": table})
    assert said == "no model type there; models/apple now serves `pear`"


def test_no_trace(tmp_path: Path) -> None:
    assert went(tmp_path, "apple", APPLE, PEAR) == "no model type there; AppleForCausalLM is defined nowhere"


def test_a_family_that_an_older_release_has_not_yet(tmp_path: Path) -> None:
    old, new = write_release(tmp_path, OLD, APPLE), write_release(tmp_path, NEW, APPLE | PEAR)
    assert whereabouts("pear", new, old) == f"not yet: it came after {OLD}"
