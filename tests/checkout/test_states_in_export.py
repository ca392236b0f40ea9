"""A model with states is refused with the line of the checkout that has no place for them, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.upstream.find import find_model
from tests.checkout.conftest import AUTO, contents, make_wheel
from tests.checkout.qefficient import checkout_to_apply_in, needs_qefficient, qefficient_checkout

Apply = Callable[..., Result]
EXPORT = "QEfficient/transformers/models/modeling_auto.py"
CACHE = "QEfficient/transformers/cache_utils.py"
EXPORTED = """\
class QEFFAutoModelForCausalLM:
    def export(self):
        for i in range(self.num_layers):
            for kv in ["key", "value"]:
                past.append(zeros(shape))
"""
NO_PLACE = "the checkout's export gives every layer a key and a value\n  at       {}:{}\n  source   {}\n"
# Which module of each writes a state first, and with what.
HYBRIDS = {
    "lfm2": ("Lfm2ShortConv", "cache.update_conv_state("),
    "mamba": ("MambaMixer", "cache.update_conv_state("),
}
TABLES = {
    "configuration_auto": "CONFIG_MAPPING_NAMES = OrderedDict([{}])\nMODEL_NAMES_MAPPING = OrderedDict()\n",
    "modeling_auto": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([{}])\n",
}


def release_with(cache: Path, name: str, source: str, causal_lm: str) -> None:
    """The made-up release with one more family."""
    tables = {
        table: text.format(f'("sketch", "SketchForCausalLM"), ("{name}", "{causal_lm}")')
        for table, text in TABLES.items()
    }
    assert set(AUTO) == {"__init__.py", *(f"models/auto/{table}.py" for table in tables)}
    further = {f"auto__{table}": text for table, text in tables.items()}
    make_wheel(cache, **{f"{name}__modeling_{name}": source}, **further)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize("name", HYBRIDS)
def test_the_export_that_gives_keys_and_values_alone_is_named(
    name: str, apply: Apply, checkout: Path, tmp_path: Path
) -> None:
    (checkout / EXPORT).write_text(EXPORTED)
    upstream, (module, write) = find_model(name), HYBRIDS[name]
    release_with(tmp_path / "cache", name, upstream.source, upstream.causal_lm or "")
    before = contents(tmp_path)
    result = apply(name)
    assert result.exit_code == 3
    place = f"transformers/models/{name}/modeling_{name}.py:{line_of(upstream.source, write)}"
    no_place = NO_PLACE.format(EXPORT, 4, 'for kv in ["key", "value"]:')
    said = result.stderr
    keeps = f"{name}: refused by checkout: `{module}` keeps a state that is no key or value ({place})"
    assert f"{keeps}, and {no_place}" in said
    assert "  expected an export that asks the model for the names and shapes of what each layer keeps" in said
    assert "  next     bring both into QEfficient first; without a checkout, `python -m qeff_codegen compile`" in said
    assert contents(tmp_path) == before


def test_a_state_that_another_method_writes_is_found(apply: Apply, checkout: Path, tmp_path: Path) -> None:
    (checkout / EXPORT).write_text(EXPORTED)
    upstream = find_model("lfm2")
    conv = upstream.source.index("class Lfm2ShortConv(")
    source = upstream.source[:conv] + upstream.source[conv:].replace("    def forward(", "    def slow_forward(", 1)
    forward = "    def forward(self, *args, **kwargs):\n        return self.slow_forward(*args, **kwargs)\n\n"
    source = source.replace("    def slow_forward(", f"{forward}    def slow_forward(")
    release_with(tmp_path / "cache", "lfm2", source, upstream.causal_lm or "")
    result = apply("lfm2")
    assert result.exit_code == 3
    assert "lfm2: refused by checkout: `Lfm2ShortConv` keeps a state" in result.stderr


def test_an_export_of_another_form_leaves_the_cache_to_name(apply: Apply, checkout: Path, tmp_path: Path) -> None:
    (checkout / EXPORT).write_text(EXPORTED.replace('["key", "value"]', "self.kept(i)"))
    (checkout / CACHE).write_text("\n\nclass QEffDynamicCache(Cache):\n    pass\n")
    upstream = find_model("lfm2")
    release_with(tmp_path / "cache", "lfm2", upstream.source, upstream.causal_lm or "")
    result = apply("lfm2")
    assert result.exit_code == 3
    assert (
        "and the checkout's `QEffDynamicCache`, as it is known here, hands out none\n"
        f"  at       {CACHE}:3\n  source   class QEffDynamicCache(Cache):\n" in result.stderr
    )


def test_the_others_of_the_same_command_are_written(apply: Apply, checkout: Path, tmp_path: Path) -> None:
    (checkout / EXPORT).write_text(EXPORTED)
    upstream = find_model("lfm2")
    release_with(tmp_path / "cache", "lfm2", upstream.source, upstream.causal_lm or "")
    result = apply("lfm2", "sketch")
    assert result.exit_code == 3
    assert (checkout / "QEfficient/transformers/models/sketch/modeling_sketch.py").is_file()
    assert not (checkout / "QEfficient/transformers/models/lfm2").exists()


@needs_qefficient
@pytest.mark.parametrize("name", HYBRIDS)
def test_a_real_checkout_has_no_place_for_a_state(name: str, tmp_path: Path) -> None:
    root = checkout_to_apply_in(tmp_path)
    result = CliRunner(catch_exceptions=False).invoke(main, ["apply", name, "--checkout", str(root)])
    assert result.exit_code == 3
    exported = (qefficient_checkout() / EXPORT).read_text("utf-8").splitlines()
    (line,) = [int(text.rsplit(":", 1)[1]) for text in result.stderr.splitlines() if f"  at       {EXPORT}:" in text]
    assert exported[line - 1].strip() == 'for kv in ["key", "value"]:'
