"""A small transformers package, in the table dialects of two releases, as a folder or as a wheel."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from qeff_codegen.upstream.source import UpstreamModel

# Tables as 5.5 has them: pair lists.
PAIR_LISTS = {
    "models/auto/configuration_auto.py": """\
CONFIG_MAPPING_NAMES = OrderedDict[str, str](
    [
        # Configurations
        ("apple", "AppleConfig"),
        ("apple_text", "AppleTextConfig"),
        ("cider", "AppleTextConfig"),
        ("clip", "CLIPConfig"),
        ("pear-moe", "PearMoeConfig"),
        ("plum", "PlumConfig"),
    ]
)

SPECIAL_MODEL_TYPE_TO_MODULE_NAME = OrderedDict[str, str](
    [
        ("apple_text", "apple"),
    ]
)


class _LazyConfigMapping(OrderedDict[str, type]):
    entries = ("not", "an entry")
""",
}
# Tables as 5.24 has them: in a file of their own, with additions elsewhere.
OWN_FILE = {
    "models/auto/auto_mappings.py": """\
CONFIG_MAPPING_NAMES = OrderedDict(
    [
        ("apple", "AppleConfig"),
        ("apple_text", "AppleTextConfig"),
        ("clip", "CLIPConfig"),
        ("plum", "PlumConfig"),
    ]
)
SPECIAL_MODEL_TYPE_TO_MODULE_NAME = OrderedDict([])
""",
    "models/auto/configuration_auto.py": """\
from .auto_mappings import CONFIG_MAPPING_NAMES, SPECIAL_MODEL_TYPE_TO_MODULE_NAME

CONFIG_MAPPING_NAMES.update(
    {
        "cider": "AppleTextConfig",
    }
)
CONFIG_MAPPING_NAMES = OrderedDict(**{"pear-moe": "PearMoeConfig"}, **CONFIG_MAPPING_NAMES)

SPECIAL_MODEL_TYPE_TO_MODULE_NAME.update({"apple_text": "apple"})
""",
}
FILES = {
    "__init__.py": '__version__ = "9.8.7"\n',
    "models/__init__.py": "",
    "models/auto/__init__.py": "",
    "models/auto/modeling_auto.py": """\
MODEL_MAPPING_NAMES = OrderedDict(
    [
        ("clip", "CLIPModel"),
    ]
)

MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict(
    [
        # Model for Causal LM mapping
        ("apple_text", "AppleForCausalLM"),
        ("cider", "AppleForCausalLM"),
        ("pear-moe", "PearMoeForCausalLM"),
        ("plum", "PlumLMHeadModel"),
    ]
)

MODEL_FOR_MASKED_LM_MAPPING_NAMES = OrderedDict(
    [
        ("clip", "CLIPForMaskedLM"),
    ]
)
""",
    # Nobody's causal LM: a class of another family's name, and one that begins like another's.
    "models/abandoned/modeling_abandoned.py": "class AppleForCausalLM: ...\nclass PlumLMHeadModelOutput: ...\n",
    "models/apple/__init__.py": "",
    "models/apple/modeling_apple.py": "class AppleForCausalLMBase: ...\nclass AppleForCausalLM(Base): ...\n",
    "models/clip/modeling_clip.py": "class CLIPModel: ...\n",
    "models/pear_moe/modeling_pear_moe.py": "class PearMoeForCausalLM(Base): ...\n",
    "models/stone_fruit/modeling_stone_fruit_text.py": "class PlumLMHeadModel(Base): ...\n",
}
TreeMaker = Callable[..., Path]


@pytest.fixture(params=[PAIR_LISTS, OWN_FILE], ids=["pair lists", "own file"])
def make_tree(request: pytest.FixtureRequest) -> TreeMaker:
    """Writes the package into a folder, and gives the package's folder."""

    def make(folder: Path, without: tuple[str, ...] = ()) -> Path:
        package = folder / "transformers"
        for name, text in {**FILES, **request.param}.items():
            if name not in without:
                (package / name).parent.mkdir(parents=True, exist_ok=True)
                (package / name).write_text(text)
        return package

    return make


def make_wheel(path: Path, files: dict[str, str] | None = None) -> Path:
    """A wheel of the small package at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in ({**FILES, **PAIR_LISTS} if files is None else files).items():
            archive.writestr(f"transformers/{name}", text)
    return path


def facts(model: UpstreamModel) -> tuple[str, str, str, str | None, str | None]:
    """Everything but the text."""
    return model.name, model.display_path, model.module, model.causal_lm, model.version
