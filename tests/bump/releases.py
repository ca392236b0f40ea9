"""Two small releases of transformers, whose families are one example under many names, changed or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qeff_codegen.checked_in import manifest
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.generated_model import GeneratedModel, MappingEntry
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.upstream.transformers_text import TransformersText

OLD, NEW = "1.0.0", "2.0.0"
EXAMPLE = """\
class BlueprintRMSNorm(nn.Module):
    def extra_repr(self):
        return f"eps={self.variance_epsilon}"


class BlueprintAttention(nn.Module):
    def forward(self, hidden_states: torch.FloatTensor, past_key_values: Cache | None = None):
        key_states, value_states = self.kv_proj(hidden_states).chunk(2, dim=-1)
        key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)
        # Attend
        return attention_interface(self, key_states, value_states), past_key_values


class BlueprintForCausalLM(PreTrainedModel):
    def forward(self, input_ids: torch.LongTensor):
        return self.lm_head(self.model(input_ids))
"""
Change = tuple[str, str]
Releases = Callable[[str], TransformersText]

NO_CHANGE: Change = ("", "")
# In a method that is upstream's own before and after.
OUTSIDE_OF_WHAT_IS_GENERATED: Change = ("eps={self.variance_epsilon}", "epsilon={self.variance_epsilon}")
IN_FORWARD: Change = ("        # Attend\n", "        # <script>alert(1)</script> & more\n")
WITHOUT_CACHE: Change = (
    "past_key_values.update(key_states, value_states, self.layer_idx)",
    "key_states, value_states",
)
# Listed in the auto tables, and nowhere else.
NO_FILE: Change = ("class", "class")

# Model type, the causal LM's family in CamelCase, and how the example's file is changed for it.
OLD_FAMILIES: Mapping[str, tuple[str, Change]] = {
    "apple": ("Apple", NO_CHANGE),
    "date": ("Date", WITHOUT_CACHE),
    "fig": ("Fig", NO_CHANGE),
    "kiwi": ("Kiwi", NO_CHANGE),
    "lemon": ("Lime", NO_CHANGE),
    "lime": ("Lime", NO_CHANGE),
    "nut": ("Nut", WITHOUT_CACHE),
    "olive": ("Olive", NO_CHANGE),
    "pear": ("Pear", NO_CHANGE),
    "plum": ("Plum", NO_CHANGE),
    "quince": ("Quince", NO_CHANGE),
}
NEW_FAMILIES: Mapping[str, tuple[str, Change]] = {
    "apple": ("Apple", NO_CHANGE),
    "date": ("Date", NO_CHANGE),
    "fig": ("Fig", WITHOUT_CACHE),
    "kiwano": ("Kiwi", NO_CHANGE),
    "lemon": ("Lemon", NO_CHANGE),
    "lime": ("Lime", NO_CHANGE),
    "mango": ("Mango", NO_CHANGE),
    "nut": ("Nut", WITHOUT_CACHE),
    "pear": ("Pear", OUTSIDE_OF_WHAT_IS_GENERATED),
    "plum": ("Plum", IN_FORWARD),
    "quince": ("Quince", NO_FILE),
    "rhubarb": ("Rhubarb", NO_FILE),
    "weed": ("Weed", WITHOUT_CACHE),
}
CHECKED_IN = ("apple", "fig", "kiwi", "lime", "olive", "pear", "plum", "quince")


def write_release(
    folder: Path, version: str, families: Mapping[str, tuple[str, Change]], example: str = EXAMPLE
) -> TransformersText:
    """A transformers package with these families, whose files are the example's under other names, changed or not."""
    package = folder / version / "transformers"
    write(package / "__init__.py", f'__version__ = "{version}"\n')
    causal_lm = "".join(f'    ("{family}", "{name}ForCausalLM"),\n' for family, (name, _) in families.items())
    configurations = "".join(f'    ("{family}", "{name}Config"),\n' for family, (name, _) in families.items())
    auto = package / "models" / "auto"
    write(auto / "modeling_auto.py", f"MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([\n{causal_lm}])\n")
    write(auto / "configuration_auto.py", f"CONFIG_MAPPING_NAMES = OrderedDict([\n{configurations}])\n")
    for name, change in families.values():
        assert change[0] in example
        if change is not NO_FILE:
            text = example.replace(*change).replace("Blueprint", name)
            write(package / "models" / name.lower() / f"modeling_{name.lower()}.py", text)
    return TransformersText(package)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def generate(upstreams: Sequence[UpstreamModel]) -> list[GeneratedModel | Refusal]:
    """Stands in for the generator: takes the attention over if it updates a cache, and refuses the model if not."""
    return [_generated(upstream) for upstream in upstreams]


def _generated(upstream: UpstreamModel) -> GeneratedModel | Refusal:
    assert upstream.causal_lm is not None
    attention = upstream.causal_lm.replace("ForCausalLM", "Attention")
    start, end = upstream.source.index(f"class {attention}"), upstream.source.index(f"class {upstream.causal_lm}")
    body = upstream.source[start:end].partition("\n")[2].rstrip("\n")
    if ".update(" not in body:
        line = upstream.source[:start].count("\n") + 2
        place = Location(upstream.display_path, line, upstream.source.splitlines()[line - 1])
        what = f"no attention of `{attention}` updates a KV cache"
        return Refusal(what, rule="anatomy", location=place, expected="`<cache>.update(<key>, <value>)`")
    module = f".{upstream.name}.modeling_{upstream.name}"
    mappings = (MappingEntry("KVCacheTransform", attention, f"QEff{attention}", module),)
    code = f"class QEff{attention}({attention}):\n{body}\n"
    return GeneratedModel(upstream.name, upstream, code, mappings, roles=(), edits=(), rules=())


def edit_record(generated: Path, name: str, **fields: Any) -> None:
    """Change what the manifest says about a model, as if it had been written so."""
    found = manifest.load(generated)
    entry = replace(found.models[name], **fields)
    entry = replace(entry, entry_sha256=manifest.entry_sha256(name, entry))
    changed = manifest.Manifest({**found.models, name: entry}, found.pytorch_transforms_sha256)
    (generated / "manifest.json").write_text(manifest.render(changed))
