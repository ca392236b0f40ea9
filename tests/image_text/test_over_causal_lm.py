"""A causal LM with the image-text model that calls it, in one file: both are written, or the causal LM alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.generate.one_model import generate_model, inspect_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model


def changed(before: str, after: str) -> GeneratedModel:
    upstream = find_model("llama4")
    assert upstream.source.count(before) == 1
    return generate_model(replace(upstream, source=upstream.source.replace(before, after)))


def images_refused(before: str, after: str) -> str:
    """Why images are, with `after` in the place of `before`, which the causal LM's own class has once."""
    upstream = find_model("llama4")
    start = upstream.source.index("class Llama4ForCausalLM(")
    end = upstream.source.index("\nclass ", start)
    causal_lm = upstream.source[start:end]
    assert causal_lm.count(before) == 1
    source = upstream.source[:start] + causal_lm.replace(before, after) + upstream.source[end:]
    (refused,) = [role for role in inspect_model(replace(upstream, source=source)) if role.role == "images refused"]
    return refused.because[0]


def test_the_programs_stand_below_the_causal_lm() -> None:
    model = generate_model(find_model("llama4"))
    assert (model.upstream.causal_lm, model.upstream.is_image_text) == ("Llama4ForCausalLM", False)
    replaced = {entry.upstream_class for entry in model.mappings}
    assert {"Llama4ForCausalLM", "Llama4TextModel", "Llama4ForConditionalGeneration"} <= replaced
    assert model.code.index("class QEffLlama4ForCausalLM") < model.code.index("class QEffLlama4EncoderWrapper")
    assert "self.language_model = text_model_of(model, model.language_model.model)" in model.code
    assert "self.lm_head = model.language_model.lm_head" in model.code
    assert "projected_embeds(self.model.multi_modal_projector, image_outputs.last_hidden_state)" in model.code
    # The tower is upstream's.
    assert "Vision" not in model.code
    lines = model.code.splitlines()
    assert len(model.origins) == len(lines)


def test_either_name_is_the_same_file() -> None:
    assert find_model("llama4_text") == find_model("llama4")


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (
            "        logits = outputs[0]\n\n        loss = None",
            "        logits = outputs[1]\n\n        loss = None",
            "more",
        ),
        ("        logits = outputs[0]\n\n", "        logits = outputs[0] * 2\n\n", "does more between tokens"),
        ("vision_flat = image_features.view(-1, ", "vision_flat = image_features.flip(1).view(-1, ", "does more"),
        (
            "masked_scatter(special_image_mask, projected_vision_flat)",
            "masked_scatter(special_image_mask, vision_flat)",
            "does more between tokens",
        ),
        (
            "            loss=loss,\n            logits=logits,\n            cache=outputs.cache,\n"
            "            hidden_states=outputs.hidden_states,\n            attentions=outputs.attentions,\n"
            "            image_outputs",
            "            loss=loss,\n            logits=logits + 1,\n            cache=outputs.cache,\n"
            "            hidden_states=outputs.hidden_states,\n            attentions=outputs.attentions,\n"
            "            image_outputs",
            "does not return its logits",
        ),
    ],
)
def test_where_images_are_refused_the_causal_lm_stays(before: str, after: str, what: str) -> None:
    model = changed(before, after)
    assert "QEffLlama4ForCausalLM" in model.code and "EncoderWrapper" not in model.code
    assert "Llama4ForConditionalGeneration" not in {entry.upstream_class for entry in model.mappings}
    (refused,) = [role for role in model.roles if role.role == "images refused"]
    assert what in refused.because[0]


HANDS = "`Llama4ForCausalLM.forward` hands its model something else than it is given: "
GIVEN = "            inputs_embeds=inputs_embeds,\n"


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (GIVEN, GIVEN.replace(",", " * 2,"), f"{HANDS}inputs_embeds=inputs_embeds * 2"),
        (GIVEN, "", f"{HANDS}no inputs_embeds"),
        (
            "    @can_return_tuple\n",
            "    @doubled\n    @can_return_tuple\n",
            "`Llama4ForCausalLM.forward` wears a decorator that may hide behaviour, `@doubled`",
        ),
        (
            "        self.post_init()\n",
            "        self.post_init()\n        self.register_forward_pre_hook(doubled)\n",
            "a module is hooked into: `self.register_forward_pre_hook`",
        ),
        (
            "use_cache: bool | None = None",
            "use_cache: bool | None = True",
            "`Llama4ForCausalLM.forward` takes `use_cache` to be `True` where it is not given",
        ),
    ],
)
def test_what_the_causal_lm_does_beside_is_refused(before: str, after: str, what: str) -> None:
    assert what in images_refused(before, after)


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (
            "self.lm_head(hidden_states)\n",
            "self.lm_head(hidden_states) * self.config.logit_scale\n",
            "logits = logits * self.config.logit_scale",
        ),
        (
            "        loss = None\n",
            "        cap = getattr(self.config, 'cap', None)\n        if cap is not None:\n"
            "            logits = logits / cap\n        loss = None\n",
            "cap = getattr(self.config, 'cap', None)",
        ),
    ],
)
def test_logits_scaled_by_the_configuration_of_the_causal_lm_are_refused(before: str, after: str, shown: str) -> None:
    what = "`Llama4ForCausalLM.forward` scales logits by its own configuration, not that of the whole: "
    assert images_refused(before, after) == f"{what}`{shown}`"


def test_images_of_another_kind_are_refused_beside_a_causal_lm() -> None:
    (refused,) = [role for role in inspect_model(find_model("qwen3_5")) if role.role == "images refused"]
    assert "positions of several kinds" in refused.because[0]
