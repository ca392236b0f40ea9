"""Every check accepts a sound module, and each of these ways of breaking its promise makes it fail."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.emit.mappings import mapping_entries
from qeff_codegen.emit.modeling_file import assemble
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule_set import checks, rules_for
from qeff_codegen.targets.embedded import EMBEDDED
from qeff_codegen.targets.qefficient import QEFFICIENT
from qeff_codegen.targets.target import Target
from tests.disguises import DISGUISES, Disguise, annotated
from tests.rewrite_rules.example_runner import HERE, example_model

CHECKS = {check.id: check for check in checks()}


@cache
def sound_module(before: str = "") -> FinishedModule:
    return generated(before, EMBEDDED)


@cache
def sound_module_of_checkout(before: str) -> FinishedModule:
    return generated(before, QEFFICIENT)


def generated(before: str, target: Target) -> FinishedModule:
    draft = open_draft(recognise(read_modeling_file(example_model(before))), target)
    for rule in rules_for(target):
        rule.apply(draft)
    text = assemble(draft)
    return FinishedModule(text.code, draft.anatomy, mapping_entries(draft), text.imports, text.defined, target)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_accepts_a_sound_module(name: str) -> None:
    assert CHECKS[name].broken(sound_module()) == []


UPDATE = "past_key_values.update(key_states, value_states, self.layer_idx, cache_kwargs)"
GIVEN = "if past_key_values is not None:\n            cache_kwargs"
TO_ATTENTION = "past_key_values=past_key_values, **kwargs"
TO_LAYER = "position_ids=position_ids,\n                batch_index=batch_index"
LOOKED_UP = "inputs_embeds = self.embed_tokens(input_ids)"
BREAKS = [
    (
        "nothing_of_upstream_left",
        "return attn_output, attn",
        "return self.resid_dropout(attn_output), attn",
        "dropout",
    ),
    ("module_compiles", "self.lm_head(hidden_states[", "self.lm_head(hidden[", "the name `hidden` is used"),
    ("module_compiles", "cos, sin = ", "late: Later = 1\n        cos, sin = ", "the name `Later` is used"),
    ("module_compiles", "class QEffTinyModel", "# \u2500\u2500 model\nclass QEffTinyModel", "holds the decoration"),
    (
        "module_compiles",
        "return residual + hidden_states",
        "residual = residual + late\n        late = 1",
        "`late` before",
    ),
    ("cache_reached_once", '"position_ids": position_ids, ', "", "does not tell the cache position_ids"),
    ("cache_reached_once", '"batch_index": batch_index', '"batch_index": None', "does not tell the cache batch_index"),
    ("cache_reached_once", GIVEN, GIVEN.replace("if", "if query_states.any() and"), "updates the cache only if"),
    ("cache_reached_once", UPDATE, "key_states, value_states", "updates the cache 0 times"),
    (
        "arguments_threaded",
        TO_LAYER,
        TO_LAYER.replace("=position_ids", "=position_ids + 1"),
        "`TinyModel` calls `decoder_layer` without position_ids",
    ),
    (
        "arguments_threaded",
        TO_ATTENTION,
        TO_ATTENTION.removesuffix(", **kwargs"),
        "`TinyDecoderLayer` calls `self.self_attn` without position_ids",
    ),
    (
        "arguments_threaded",
        "residual = hidden_states\n",
        'residual = hidden_states\n        kwargs.pop("position_ids")\n',
        "`TinyDecoderLayer` calls `self.self_attn` without position_ids",
    ),
    (
        "checks_passed",
        LOOKED_UP,
        f"if position_ids.ndim != 1:\n            raise ValueError()\n        {LOOKED_UP}",
        "ndim",
    ),
    ("checks_passed", LOOKED_UP, f"assert not isinstance(past_key_values, Cache)\n        {LOOKED_UP}", "isinstance"),
    ("checks_passed", LOOKED_UP, f"torch._check(len(past_key_values) == 2)\n        {LOOKED_UP}", "len"),
    (
        "checks_passed",
        LOOKED_UP,
        f"if input_ids is not None:\n            raise ValueError()\n        {LOOKED_UP}",
        "input_ids",
    ),
    (
        "checks_passed",
        LOOKED_UP,
        f"if use_cache is None:\n            raise ValueError()\n        {LOOKED_UP}",
        "use_cache",
    ),
    ("checks_passed", LOOKED_UP, f"{LOOKED_UP}\n        raise ValueError()", "whatever it is given"),
    (
        "checks_passed",
        "cos, sin = ",
        "assert attention_mask.dtype == cos.dtype\n        cos, sin = ",
        "attention_mask.dtype",
    ),
    ("arguments_threaded", "comp_ctx_lengths=comp_ctx_lengths", "unused=None", "without comp_ctx_lengths"),
    (
        "arguments_threaded",
        "            batch_index=batch_index,\n            comp",
        "            comp",
        "batch_index",
    ),
    ("nothing_of_upstream_left", "nn.functional.softmax(", "nn.functional.dropout(", "dropout"),
    (
        "nothing_of_upstream_left",
        "inputs_embeds = self",
        "DynamicCache()\n        inputs_embeds = self",
        "cache class",
    ),
    (
        "nothing_of_upstream_left",
        "    def get_sub",
        "    @auto_docstring\n    def get_sub",
        "`auto_docstring` is left",
    ),
    ("nothing_of_upstream_left", GIVEN, GIVEN.replace("if", "if self.training or"), "a condition on training"),
    ("cache_length_not_asked", GIVEN, GIVEN.replace("if", "if past_key_values.layers and"), "more than it can tell"),
    ("cache_length_not_asked", GIVEN, GIVEN.replace("is not", ".get_seq_length() is not"), "get_seq_length` asks"),
    ("cache_returned", "attn_weights, past_key_values\n", "attn_weights\n", "does not return the cache"),
    ("cache_returned", "+ hidden_states, past_key_values", "+ hidden_states", "does not return the cache"),
    ("cache_returned", "hidden_states, past_key_values = decoder_layer", "hidden_states, _ = decoder_layer", "take"),
    ("cache_reached_once", "self.layer_idx, cache", "self.layer_idx // 2, cache", "updates the cache 0 times"),
    ("layers_in_order", "in self.layers", "in reversed(self.layers)", "does not run its layers in order"),
    ("layers_in_order", "in self.layers", "in self.layers[1:]", "does not run its layers in order"),
    (
        "layers_in_order",
        "        for decoder_layer in self.layers:",
        "        for _ in range(2):\n         for decoder_layer in self.layers:",
        "does not run its layers in order",
    ),
    ("mask_unchanged", "attention_mask=causal_mask", "attention_mask=causal_mask.clone()", "computes with the"),
    ("mask_unchanged", "value_states, attention_mask,", "value_states, 0.5 * attention_mask,", "computes with the"),
    (
        "mask_unchanged",
        "attn_output, attn_weights = ",
        "attn_output = other(attention_mask)\n        attn_output, attn_weights = ",
        "computes with the attention mask: `other(attention_mask)`",
    ),
    (
        "mask_unchanged",
        "attention_interface: Callable = eager_attention_forward\n",
        "attention_interface: Callable = eager_attention_forward\n        attention_interface = self.other\n",
        "computes with the attention mask: `attention_interface(",
    ),
    (
        "mask_unchanged",
        "cos, sin = position_embeddings",
        "cos, sin = position_embeddings\n        same: torch.Tensor | None = attention_mask\n        cos = cos + same",
        "computes with the attention mask: `cos + same`",
    ),
    (
        "cache_reached_once",
        f"key_states, value_states = {UPDATE}",
        f"key_states, value_states = {UPDATE} if self.training else (key_states, value_states)",
        "updates the cache only if `self.training`",
    ),
    (
        "cache_reached_once",
        f"key_states, value_states = {UPDATE}",
        f"for _ in range(2):\n                key_states, value_states = {UPDATE}",
        "updates the cache only if `the loop runs`",
    ),
    (
        "nothing_of_upstream_left",
        "cos, sin = position_embeddings",
        "x: int = nn.functional.dropout(hidden_states)\n        cos, sin = position_embeddings",
        "dropout",
    ),
    (
        "positions_unchanged",
        "hidden_states = inputs_embeds",
        "position_ids = position_ids + 1\n        hidden_states = inputs_embeds",
        "`TinyModel` changes the positions",
    ),
    (
        "positions_unchanged",
        "(hidden_states, position_ids)",
        "(hidden_states, -position_ids)",
        "changes the positions",
    ),
    ("positions_unchanged", "(hidden_states, position_ids)", "(hidden_states, position_ids.flip(1))", "changes the"),
    ("positions_unchanged", "(hidden_states, position_ids)", "(hidden_states, position_ids[:1])", "some rows for all"),
    ("mapping_complete", "class QEffTinyDecoderLayer", "class QEffOtherLayer", "nothing maps to it"),
    ("static_control_flow", "cos, sin = position_embeddings", "self.cos, sin = position_embeddings", "keeps state"),
    ("static_control_flow", GIVEN, GIVEN.replace("if", "if hidden_states.max().item() or"), "decides by values"),
    (
        "static_control_flow",
        "cos, sin = position_embeddings",
        "hidden_states[hidden_states > 0]",
        "as many rows as values say",
    ),
    (
        "same_answer_every_call",
        "cos, sin = position_embeddings",
        "hidden_states = hidden_states + torch.rand_like(hidden_states)",
        "draws random numbers",
    ),
    ("same_answer_every_call", GIVEN, GIVEN.replace("if", "if os.environ.get('SCALED') and"), "asks what the process"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), BREAKS)
def test_notices_a_broken_promise(name: str, old: str, new: str, message: str) -> None:
    module = sound_module()
    assert old in module.code
    broken = CHECKS[name].broken(replace(module, code=module.code.replace(old, new)))
    assert any(message in item.what for item in broken), broken
    assert all(item.line or item.generated for item in broken), "every broken promise has a line to blame"


@pytest.mark.parametrize("disguise", DISGUISES)
def test_accepts_a_sound_module_however_it_is_written(disguise: Disguise) -> None:
    module = sound_module()
    disguised = replace(module, code=disguise(module.code))
    assert [broken for check in CHECKS.values() for broken in check.broken(disguised)] == []


@pytest.mark.parametrize(("name", "old", "new", "message"), BREAKS)
def test_annotations_hide_no_broken_promise(name: str, old: str, new: str, message: str) -> None:
    module = sound_module()
    broken = CHECKS[name].broken(replace(module, code=annotated(module.code.replace(old, new))))
    assert any(message in item.what for item in broken), broken


def test_notices_a_missing_mapping() -> None:
    module = sound_module()
    kept = tuple(entry for entry in module.mappings if entry.upstream_class != "TinyDecoderLayer")
    broken = CHECKS["mapping_complete"].broken(replace(module, mappings=kept))
    assert "`TinyDecoderLayer` is not in the mapping" in [item.what for item in broken]


def test_notices_a_cache_class_that_only_annotates() -> None:
    module = sound_module()
    code = module.code.replace("cos, sin = ", "cache: DynamicCache = past_key_values\n        cos, sin = ")
    imports = {**module.imports, "DynamicCache": "transformers.cache_utils"}
    (broken,) = CHECKS["nothing_of_upstream_left"].broken(replace(module, code=code, imports=imports))
    assert broken.what == "`DynamicCache` is left, a cache class"
    assert broken.generated is not None and "DynamicCache" in code.splitlines()[broken.generated - 1]


def test_notices_an_upstream_class_that_calls_a_replaced_function() -> None:
    router = (
        "class TinyRouter(nn.Module):\n    def forward(self, x, mask):\n"
        "        return eager_attention_forward(self, x, x, x, mask, 1.0)\n\n\n"
        "class TinyDecoderLayer(nn.Module):\n    def __init__(self, config, layer_idx):\n"
        "        self.self_attn = TinyAttention(config, layer_idx)\n        self.router = TinyRouter()\n\n"
        "    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):\n"
        "        hidden_states, _ = self.self_attn(\n            hidden_states, None, attention_mask, past_key_values"
        "\n        )\n        return hidden_states\n"
    )
    broken = CHECKS["mapping_complete"].broken(sound_module(router))
    assert [item.what for item in broken] == [
        "`TinyRouter` calls upstream's `eager_attention_forward`, which the generated file replaces"
    ]


def test_blames_the_line_of_an_upstream_module_that_decides_by_values() -> None:
    experts = (
        "class TinyExperts(nn.Module):\n    def forward(self, x):\n        return x[(x > 0).nonzero()]\n\n\n"
        "class TinyModel(PreTrainedModel):\n    def __init__(self, config):\n"
        "        self.layers = nn.ModuleList([TinyDecoderLayer(config, layer_idx) for layer_idx in range(2)])\n"
        "        self.experts = TinyExperts()\n\n"
        "    def forward(self, input_ids, position_ids=None, past_key_values=None, use_cache=None, **kwargs):\n"
        "        hidden_states = self.experts(self.embed_tokens(input_ids))\n"
        "        if use_cache and past_key_values is None:\n"
        "            past_key_values = DynamicCache(config=self.config)\n"
        "        mask = create_causal_mask(config=self.config, position_ids=position_ids)\n"
        "        for layer in self.layers:\n"
        "            hidden_states = layer(hidden_states, attention_mask=mask, past_key_values=past_key_values)\n"
        "        return BaseModelOutputWithPast(last_hidden_state=hidden_states, past_key_values=past_key_values)\n"
    )
    module = sound_module(experts)
    (broken,) = CHECKS["static_control_flow"].broken(module)
    assert broken.what == "`TinyExperts.forward` decides by values: `(x > 0).nonzero()`"
    assert broken.line is not None and "nonzero" in module.anatomy.file.lines[broken.line - 1]


@pytest.mark.parametrize("asked", ["self.training", "self.training and self.jitter > 0"])
def test_random_numbers_may_be_drawn_in_training(asked: str) -> None:
    line = "cos, sin = position_embeddings"
    drawing = (
        f"{line}\n        if {asked}:\n            hidden_states = hidden_states * torch.rand_like(hidden_states)"
    )
    check, module = CHECKS["same_answer_every_call"], sound_module()
    assert line in module.code
    assert check.broken(replace(module, code=module.code.replace(line, drawing))) == []
    otherwise = drawing.replace("if self", "if not self")
    assert check.broken(replace(module, code=module.code.replace(line, otherwise))) != []


def test_looks_into_helpers_of_helpers_that_stay() -> None:
    rotation = (
        "def rotate(x, cos, sin):\n    return x * cos + x * sin[:1]\n\n\n"
        "def apply_rotary_pos_emb(q, k, cos, sin):\n    return rotate(q, cos, sin), rotate(k, cos, sin)\n"
    )
    broken = CHECKS["positions_unchanged"].broken(sound_module(rotation))
    assert [item.what for item in broken] == ["`rotate` reads some rows for all: `sin[:1]`"]


@pytest.mark.parametrize("lost", ["cos", "sin"])
def test_notices_a_rotation_without_an_axis_for_the_heads(lost: str) -> None:
    rotation = (
        "def apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=1):\n"
        "    cos = cos.unsqueeze(unsqueeze_dim)\n    sin = sin.unsqueeze(unsqueeze_dim)\n"
        "    return q * cos + q * sin, k * cos + k * sin\n"
    )
    check = CHECKS["rotation_for_all_heads"]
    assert check.broken(sound_module(rotation)) == []
    broken = check.broken(sound_module(rotation.replace(f"    {lost} = {lost}.unsqueeze(unsqueeze_dim)\n", "")))
    assert [item.what for item in broken] == [f"`apply_rotary_pos_emb` gives `{lost}` no axis for the heads"]
    assert broken[0].line


@pytest.mark.parametrize(
    ("half", "accepted"), [("[..., : cos.shape[-1] // 2]", True), ("[:1]", False), ("[0]", False)]
)
def test_a_rotation_may_have_its_last_axis_sliced_before_it_gets_an_axis_for_the_heads(
    half: str, accepted: bool
) -> None:
    rotation = (
        "def apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=1):\n"
        f"    cos = cos{half}.unsqueeze(unsqueeze_dim)\n    sin = sin{half}.unsqueeze(unsqueeze_dim)\n"
        "    return q * cos + q * sin, k * cos + k * sin\n"
    )
    assert (CHECKS["rotation_for_all_heads"].broken(sound_module(rotation)) == []) == accepted


TABLE = """
class TinyTable(nn.Module):
    def __init__(self):
        super().__init__()
        self.make_weights(8)

    def make_weights(self, number):
        self.weights = nn.Buffer(torch.zeros(number), persistent=False)

    def forward(self, x):
        self.make_weights(x.shape[0])
        return self.weights[x]


class TinyDecoderLayer(nn.Module):
    def __init__(self, config, layer_idx):
        self.self_attn = TinyAttention(config, layer_idx)
        self.table = TinyTable()

    def forward(self, hidden_states, attention_mask=None, past_key_values=None, **kwargs):
        hidden_states, _ = self.self_attn(hidden_states, None, attention_mask, past_key_values)
        hidden_states = self.table(hidden_states)
        return hidden_states
"""


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("", "", []),
        ("        self.make_weights(8)\n", "", ["`TinyTable.make_weights` keeps state between calls: `self.weights`"]),
        (
            "nn.Buffer(torch.zeros(number), persistent=False)",
            "number",
            ["`TinyTable.make_weights` keeps state between"],
        ),
    ],
)
def test_a_table_that_is_made_longer_is_no_state(old: str, new: str, kept: list[str]) -> None:
    broken = CHECKS["static_control_flow"].broken(sound_module(TABLE.replace(old, new)))
    assert len(broken) == len(kept)
    assert all(item.what.startswith(text) for item, text in zip(broken, kept, strict=True))


def test_a_method_that_only_dropped_code_called_is_not_emitted() -> None:
    before = (HERE / "rows_kept_at_the_end" / "shared_layers" / "before.py").read_text()
    imported = "from transformers.modeling_utils import slice_logits_to_keep\n"
    # Changed by a rule before nothing calls it any more.
    changed = before.replace("isinstance(logits_to_keep, int)", "self.training")
    assert "slice_rows" not in sound_module(imported + changed).code


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("", "", None),
        ("batch_index=batch_index,\n                position_ids", "position_ids", "updates the cache only if `not"),
        ("position_ids=position_ids,\n                past_seen", "past_seen", "updates the cache only if `not"),
        ("past_key_value=past_key_values,", "past_key_value=None,", "updates the cache only if `not"),
        (
            "        else:\n            if past",
            "        if True:\n            if past",
            "updates the cache only if `True`",
        ),
    ],
)
def test_attention_in_blocks_updates_the_cache_too(old: str, new: str, what: str | None) -> None:
    before = (HERE / "attention_in_blocks" / "window_by_layer" / "before.py").read_text()
    before = re.sub("config.sliding_window if .*", "None", before)
    before = f"def repeat_kv(states, groups):\n    return states\n\n\n{before}"
    module = sound_module_of_checkout(before)
    assert module.code.count("generic_blocked_attention_interface(") == 1
    assert old in module.code
    broken = CHECKS["cache_reached_once"].broken(
        replace(module, code=module.code.replace(old, new, 1) if old else module.code)
    )
    assert [item.what.split("` ", 1)[1][: len(what or "")] for item in broken] == ([] if what is None else [what])
