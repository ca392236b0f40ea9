"""Pebble, a checkpoint's folder with modeling code of its own: Blueprint as a model is published beside transformers.

Its configuration class stands in a file beside it and is imported relatively, no class inherits GenerationMixin, and
`config.json` names the classes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qeff_codegen.examples import blueprint

_EXAMPLE = Path(blueprint.__file__).parent
CONFIG: dict[str, Any] = {
    "architectures": ["PebbleForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_pebble.PebbleConfig",
        "AutoModel": "modeling_pebble.PebbleModel",
        "AutoModelForCausalLM": "modeling_pebble.PebbleForCausalLM",
    },
    "model_type": "pebble",
    "transformers_version": "5.24.0",
}


def modeling() -> str:
    """The text of `modeling_pebble.py`."""
    text = (_EXAMPLE / "modeling_blueprint.py").read_text("utf-8").replace("Blueprint", "Pebble")
    text = text.replace("qeff_codegen.examples.blueprint.configuration_blueprint", ".configuration_pebble")
    text = text.replace("from transformers.generation import GenerationMixin\n", "")
    return text.replace("(PebblePreTrainedModel, GenerationMixin)", "(PebblePreTrainedModel)")


def configuration() -> str:
    """The text of `configuration_pebble.py`."""
    text = (_EXAMPLE / "configuration_blueprint.py").read_text("utf-8")
    return text.replace("Blueprint", "Pebble").replace("blueprint", "pebble")


def write_pebble(folder: Path, *, config: dict[str, Any] | None = None, **files: str) -> Path:
    """Write the folder, and give it.

    Args:
        folder: where; made if need be.
        config: what `config.json` says beside, or instead of, what Pebble's says.
        files: texts of further files, or other ones, by their names without `.py`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"modeling_pebble": modeling(), "configuration_pebble": configuration()} | files
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    (folder / "config.json").write_text(json.dumps(CONFIG | (config or {}), indent=2), "utf-8")
    return folder
