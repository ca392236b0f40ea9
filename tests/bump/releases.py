"""Two small releases of transformers, whose families are the example model under other names, changed or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from qeff_codegen.engine.generate import generate_model
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import BLUEPRINT
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.transformers_text import TransformersText

OLD, NEW = "1.0.0", "2.0.0"
EXAMPLE = (files("qeff_codegen.examples.blueprint") / "modeling_blueprint.py").read_text("utf-8")
Change = tuple[str, str]
Releases = Callable[[str], TransformersText]

NO_CHANGE: Change = ("", "")
# In a method that is upstream's own before and after.
OUTSIDE_OF_WHAT_IS_GENERATED: Change = ("eps={self.variance_epsilon}", "epsilon={self.variance_epsilon}")
RENAMING: Change = ("FloatTensor", "Tensor")
IN_FORWARD: Change = ("        # Feed-forward\n", "        # <script>alert(1)</script> & more\n")
# Its file moves to a folder of its own kind, as transformers 4 did with what it no longer tested.
PUT_ASIDE: Change = ("import torch\n", "import torch\n")
REFUSED: Change = ("past_key_values.update(key_states, value_states, self.layer_idx)", "key_states, value_states")

# Model type, the causal LM's family in CamelCase, and how the example's file is changed for it.
OLD_FAMILIES: Mapping[str, tuple[str, Change]] = {
    "apple": ("Apple", NO_CHANGE),
    "date": ("Date", REFUSED),
    "fig": ("Fig", NO_CHANGE),
    "kiwi": ("Kiwi", NO_CHANGE),
    "lemon": ("Lime", NO_CHANGE),
    "lime": ("Lime", NO_CHANGE),
    "nut": ("Nut", REFUSED),
    "olive": ("Olive", NO_CHANGE),
    "pear": ("Pear", NO_CHANGE),
    "plum": ("Plum", NO_CHANGE),
    "quince": ("Quince", NO_CHANGE),
}
NEW_FAMILIES: Mapping[str, tuple[str, Change]] = {
    "apple": ("Apple", NO_CHANGE),
    "date": ("Date", NO_CHANGE),
    "fig": ("Fig", REFUSED),
    "kiwano": ("Kiwi", NO_CHANGE),
    "lemon": ("Lemon", NO_CHANGE),
    "lime": ("Lime", NO_CHANGE),
    "mango": ("Mango", NO_CHANGE),
    "nut": ("Nut", REFUSED),
    "pear": ("Pear", OUTSIDE_OF_WHAT_IS_GENERATED),
    "plum": ("Plum", IN_FORWARD),
    "quince": ("Quince", PUT_ASIDE),
    "rhubarb": ("Rhubarb", PUT_ASIDE),
    "weed": ("Weed", REFUSED),
}
CHECKED_IN = ("apple", "fig", "kiwi", "lime", "olive", "pear", "plum", "quince")


def write_release(folder: Path, version: str, families: Mapping[str, tuple[str, Change]]) -> TransformersText:
    """A transformers package with these families."""
    package = folder / version / "transformers"
    write(package / "__init__.py", f'__version__ = "{version}"\n')
    causal_lm = "".join(f'    ("{family}", "{name}ForCausalLM"),\n' for family, (name, _) in families.items())
    configurations = "".join(f'    ("{family}", "{name}Config"),\n' for family, (name, _) in families.items())
    auto = package / "models" / "auto"
    write(auto / "modeling_auto.py", f"MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([\n{causal_lm}])\n")
    write(auto / "configuration_auto.py", f"CONFIG_MAPPING_NAMES = OrderedDict([\n{configurations}])\n")
    for name, change in families.values():
        folder = package / "models" / ("deprecated" if change is PUT_ASIDE else "") / name.lower()
        write(folder / f"modeling_{name.lower()}.py", source(name, change))
    return TransformersText(package)


def source(name: str, change: Change) -> str:
    """The example's file as the file of another model, changed."""
    text = EXAMPLE.replace("qeff_codegen.examples.blueprint.configuration_blueprint", ".configuration_blueprint")
    assert change[0] in text
    return text.replace(*change).replace(BLUEPRINT.capitalize(), name).replace(BLUEPRINT, name.lower())


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def generate(upstreams: Sequence[UpstreamModel]) -> list[GeneratedModel | Refusal]:
    """Generate models; one that was generated before, in any test, is not generated again."""
    return [_generated(upstream) for upstream in upstreams]


@cache
def _generated(upstream: UpstreamModel) -> GeneratedModel | Refusal:
    try:
        return generate_model(upstream)
    except Refusal as refusal:
        return refusal
