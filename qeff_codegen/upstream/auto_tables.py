"""transformers' auto tables, read as text: which model types there are, and the causal LM class of each.

The tables moved between releases (`auto_mappings.py` since 5.2x) and are made of pair lists, dict literals and updates
of both. So every statement that assigns or updates a table counts, in whichever of the files it stands, and its pairs
of strings are the entries.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources.abc import Traversable

from qeff_codegen.errors import UsageError

MODELING_TABLES = ("modeling_auto.py",)
CONFIGURATION_TABLES = ("auto_mappings.py", "configuration_auto.py")


@dataclass(frozen=True)
class AutoTables:
    """What the auto classes of one transformers release know.

    Attributes:
        causal_lm: model type to the class AutoModelForCausalLM builds.
        image_text: model type to the class AutoModelForImageTextToText builds; empty in a release without that.
        configurations: model type to configuration class, for all model types.
        folders: model type to its folder below `models`, where that is not the type's own name.
    """

    causal_lm: Mapping[str, str]
    configurations: Mapping[str, str]
    folders: Mapping[str, str]
    image_text: Mapping[str, str]

    def folder(self, model_type: str) -> str:
        """The folder below `models` that holds `model_type`."""
        return self.folders.get(model_type, model_type.replace("-", "_"))


def read_auto_tables(auto: Traversable) -> AutoTables:
    """Read the tables of a `transformers/models/auto` folder.

    Raises:
        UsageError: a table is missing or is no Python.
    """
    modeling = _texts(auto, MODELING_TABLES)
    configuration = _texts(auto, CONFIGURATION_TABLES)
    try:
        causal_lm = _table(modeling, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
        configurations = _table(configuration, "CONFIG_MAPPING_NAMES")
        folders = _table(configuration, "SPECIAL_MODEL_TYPE_TO_MODULE_NAME")
        image_text = _table(modeling, "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES")
    except SyntaxError:
        causal_lm, configurations, folders, image_text = {}, {}, {}, {}
    if not causal_lm or not configurations:
        raise UsageError(
            "The auto tables of this transformers (models/auto/modeling_auto.py, configuration_auto.py) are missing, "
            "or hold no entries this tool can read.\n"
            "Install transformers again, or name one modeling file with --source PATH."
        )
    return AutoTables(causal_lm, configurations, folders, image_text)


def _texts(auto: Traversable, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path.read_text("utf-8") for path in (auto / name for name in names) if path.is_file())


@lru_cache(maxsize=16)
def _table(texts: tuple[str, ...], name: str) -> Mapping[str, str]:
    """The string pairs of every statement at module level that assigns or updates `name`, in order.

    Every model that is looked up asks for the same tables, and reading them takes as long as half a model.
    """
    return {key: value for text in texts for statement in _statements(text, name) for key, value in _pairs(statement)}


def _statements(text: str, name: str) -> Iterator[ast.stmt]:
    """Only the statements about `name` are parsed: the files are long, and parsing them whole takes 50 ms."""
    start = re.compile(rf"^{name}(?:\.update\(| = |: )", re.MULTILINE)
    following = re.compile(r"^[^\s)\]}]", re.MULTILINE)
    for match in start.finditer(text):
        end = following.search(text, match.end())
        yield from ast.parse(text[match.start() : end.start() if end else len(text)]).body


def _pairs(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            candidates = [(node.elts[0], node.elts[1])]
        elif isinstance(node, ast.Dict):
            candidates = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
        else:
            continue
        for key, value in candidates:
            if _is_string(key) and _is_string(value):
                yield ast.literal_eval(key), ast.literal_eval(value)


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
