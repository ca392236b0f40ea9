"""The family of a model that is not in transformers: its own classes, in the place of those that Auto classes know."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.load import RemoteClasses, release_hint, where_and_what
from qeff_codegen.tiny_models.configurations import without_weights
from qeff_codegen.tiny_models.families import Family
from qeff_codegen.tiny_models.sizes import tiny_sizes


def remote_family(name: str, classes: RemoteClasses) -> Family:
    """The family as `find_family` gives those of transformers.

    What the checkpoint's `config.json` says stands in the place of the configuration class's own defaults, which may
    be those of another checkpoint; tiny sizes then stand in the place of both.

    Raises:
        UsageError: no tiny model can be made of the classes with the installed transformers.
    """
    config_class = _with_settings(classes.config_class, classes.settings)
    family = Family(name, config_class, classes.causal_lm_class, classes.modeling)
    try:
        without_weights(family, tiny_sizes(config_class, config_class()))
    except Exception as error:  # a stranger's code may raise anything
        raise UsageError(
            f"No tiny model can be made of {classes.causal_lm_class.__name__}: "
            f"{where_and_what(error, classes.folder)}.\n{release_hint(classes.transformers_version)}"
        ) from error
    return family


def _with_settings(config_class: type[Any], settings: Mapping[str, Any]) -> type[Any]:
    """A subclass whose defaults are `settings`."""

    def initialize(self: Any, **given: Any) -> None:
        config_class.__init__(self, **(copy.deepcopy(dict(settings)) | given))

    body = {"__init__": initialize, "__module__": config_class.__module__, "__doc__": config_class.__doc__}
    return type(config_class.__name__, (config_class,), body)
