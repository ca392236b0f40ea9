"""Forwards of older releases are read as today's, and what they do beside is refused all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.image_text.small_model import SOURCE, plum

_TODAY = SOURCE[SOURCE.index("        encoded = encoded if") : SOURCE.index("        outputs = self.talker(")]
_AT_ONCE = """\
        if pixel_values is not None:
            image_features = self.features(pixel_values=pixel_values, image_sizes=image_sizes).pooler_output
            image_features = torch.cat(image_features, dim=0).to(inputs_embeds.dtype)
            where = self.places(input_ids, inputs_embeds=inputs_embeds, image_features=image_features)
            inputs_embeds = inputs_embeds.masked_scatter(where, image_features)
"""
_CHANGES = (
    (_TODAY, _AT_ONCE),
    ("position_ids=None, cache=None,", "position_ids=None, past_key_values=None,"),
    ("position_ids=position_ids, cache=cache,", "position_ids=position_ids, past_key_values=past_key_values,"),
    (
        'return dict(**outputs, image=encoded.get("image"))',
        "return dict(\n            last_hidden_state=outputs.last_hidden_state,\n"
        "            past_key_values=outputs.past_key_values,\n            attentions=outputs.attentions,\n"
        "            images=image_features if pixel_values is not None else None,\n        )",
    ),
    (
        "        logits = self.out(hidden)\n",
        "        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep\n"
        "        logits = self.out(hidden[:, kept, :])\n",
    ),
    ("cache=outputs.cache)", "past_key_values=outputs.past_key_values)"),
    ("        if image_sizes is not None:\n", '        if kwargs.get("image_sizes") is not None:\n'),
    ("found = torch.split(found, image_sizes)", 'found = torch.split(found, kwargs["image_sizes"])'),
    ("def features(self, pixel_values, image_sizes=None, **kwargs)", "def features(self, pixel_values, **kwargs)"),
)


def older(before: str = "", after: str = "") -> UpstreamModel:
    """The small file as an older release has it, with `after` in the place of `before`, which it has once."""
    text = SOURCE
    for old, new in _CHANGES:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    assert not before or text.count(before) == 1
    return replace(plum(), source=text.replace(before, after) if before else text)


def test_the_programs_are_those_of_today() -> None:
    code, today = generate_model(older()).code, generate_model(plum()).code
    # What differs is said otherwise upstream, but for rows and columns that features may have there.
    code = code.replace("pooler_output.flatten(1, -2)", "pooler_output")
    code = code.replace("cache=outputs.past_key_values", "cache=outputs.cache")
    assert code == today.replace("pixel_values, image_sizes=None, **kwargs", "pixel_values, **kwargs")


def test_a_result_may_have_a_name() -> None:
    before = "return dict(\n            last_hidden_state=outputs.last_hidden_state,"
    source = older(before, before.replace("return dict", "output = dict")).source
    ended = "images=image_features if pixel_values is not None else None,\n        )\n"
    assert source.count(ended) == 1
    named = replace(plum(), source=source.replace(ended, f"{ended}        return output\n"))
    assert generate_model(named).code == generate_model(older()).code
    with pytest.raises(Refusal, match="does more between tokens and logits"):
        generate_model(replace(named, source=named.source.replace("return output\n", "return outputs\n")))


def test_a_forward_of_one_statement_is_refused() -> None:
    start, end = SOURCE.index("        if inputs_embeds is None:\n"), SOURCE.index("\n\nclass PlumForConditional")
    statement = "        return self.talker(inputs_embeds.masked_scatter(input_ids, pixel_values))\n"
    with pytest.raises(Refusal, match="`PlumModel.forward` has no outputs of encoders"):
        generate_model(replace(plum(), source=SOURCE[:start] + statement + SOURCE[end:]))


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("if pixel_values is not None:\n", "if pixel_values is not None and input_ids is None:\n", "does more"),
        (
            "            where = self",
            "            image_features = image_features * 2\n            where = self",
            r"`image_features = image_features \* 2`",
        ),
        ("masked_scatter(where, image_features)", "masked_scatter(where, image_features.flip(0))", "masked_scatter"),
        ("attentions=outputs.attentions", "attentions=outputs.hidden_states", "does more between tokens and logits"),
        ("kept = slice(-logits_to_keep, None)", "kept = slice(-logits_to_keep, -1)", "does more"),
        ("hidden[:, kept, :]", "hidden[:, :1, :]", "does more"),
        ("past_key_values=past_key_values,", "past_key_values=None,", "hands its text model what a program for text"),
    ],
)
def test_what_is_done_beside_is_refused(before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal, match=what):
        generate_model(older(before, after))


def test_further_arguments_that_decide_more_make_it_a_program_of_one_image() -> None:
    code = generate_model(older('kwargs.get("image_sizes") is not None', 'kwargs.get("image_sizes") is None')).code
    assert "takes_one_image = True" in code
    # Upstream's own method, for which one image is enough.
    assert "class QEffPlumModel(PlumModel)" not in code
