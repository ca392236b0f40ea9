"""From a model's name to its configuration class and its upstream causal LM class."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from qeff_codegen.errors import UsageError
from qeff_codegen.examples.blueprint import register
from qeff_codegen.upstream.find import BLUEPRINT


@dataclass(frozen=True)
class Family:
    """One model family as transformers' Auto classes know it.

    Attributes:
        name: the name the user gave, such as `llama`; it is also transformers' model type.
        config_class: its configuration class.
        causal_lm_class: upstream's ForCausalLM class.
        modeling: upstream's modeling module, the one `causal_lm_class` is defined in.
    """

    name: str
    config_class: type[Any]
    causal_lm_class: type[Any]
    modeling: ModuleType


def is_of_transformers(model_class: type[Any]) -> bool:
    """Whether a class is one of the installed transformers' own, and no copy of one."""
    own = importlib.util.find_spec("transformers")
    assert own is not None and own.origin is not None
    return Path(inspect.getfile(model_class)).is_relative_to(Path(own.origin).parent)


def find_family(name: str) -> Family:
    """Look `name` up in transformers' Auto mappings, where Blueprint is registered when it is asked for.

    Raises:
        UsageError: the installed transformers has no such model type, or none with a causal LM, or is too old for
            Blueprint.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    if name == BLUEPRINT:
        _register_blueprint()
    model_type = name if name in CONFIG_MAPPING else _in_other_spelling(name, list(CONFIG_MAPPING))
    if model_type not in CONFIG_MAPPING:
        near = difflib.get_close_matches(name, list(CONFIG_MAPPING), n=3)
        hint = f" Near names: {', '.join(near)}." if near else ""
        raise UsageError(
            f"The installed transformers has no model type `{name}`, so there is no reference to run.{hint}"
        )
    config_class: Any = CONFIG_MAPPING[model_type]
    if config_class not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UsageError(f"`{name}` has no causal LM in the installed transformers, so there is nothing to validate.")
    causal_lm_class: Any = MODEL_FOR_CAUSAL_LM_MAPPING[config_class]
    # The causal LM of a model that also sees or hears is made from the text part of its configuration.
    own_config_class: type[Any] = config_class
    if causal_lm_class.config_class is config_class.sub_configs.get("text_config"):
        own_config_class = causal_lm_class.config_class
    return Family(name, own_config_class, causal_lm_class, importlib.import_module(causal_lm_class.__module__))


def _register_blueprint() -> None:
    try:
        register()
    except ImportError as error:
        raise UsageError(
            f"Blueprint is written in the idiom of transformers 5.24, which the installed one is not: {error}.\n"
            "Generating it needs no transformers; to validate it, install 5.24.0."
        ) from error


def _in_other_spelling(name: str, model_types: list[str]) -> str:
    """The model type that is `name` but for `-` and `_`; generated packages have underscores throughout."""
    plain = name.replace("-", "_")
    return next((model_type for model_type in model_types if model_type.replace("-", "_") == plain), name)
