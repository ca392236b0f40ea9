"""What stands between the parts without a statement: arguments, defaults, decorators, types. Others are refused."""

from __future__ import annotations

import pytest

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from tests.image_text.small_model import plum
from tests.image_text.test_more_forms import changed

CALL = "self.inner(input_ids=input_ids, pixel_values=pixel_values, **kwargs)"
HANDS = "hands its model something else than it is given: "
HIDES = "wears a decorator that may hide behaviour, `@doubled`"


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (CALL, CALL.replace("=pixel_values", "=pixel_values.flip(-1)"), HANDS + "pixel_values=pixel_values.flip(-1)"),
        (CALL, CALL.replace("=input_ids", "=input_ids.flip(0)"), HANDS + "input_ids=input_ids.flip(0)"),
        (CALL, CALL.replace(" pixel_values=pixel_values,", ""), HANDS + "no pixel_values"),
        (CALL, CALL.replace("**", "image_sizes=[4], **"), HANDS + "image_sizes=[4]"),
        (
            "    def forward(self, input_ids=None, pixel_values=None, labels",
            "    @doubled\n    def forward(self, input_ids=None, pixel_values=None, labels",
            f"`PlumForConditionalGeneration.forward` {HIDES}",
        ),
        (
            "    def forward(\n        self, input_ids=None, pixel",
            "    @doubled\n    def forward(\n        self, input_ids=None, pixel",
            f"`PlumModel.forward` {HIDES}",
        ),
        (
            "        self.bridge = PlumProjector(config)\n",
            "        self.bridge = PlumProjector(config)\n        self.register_forward_pre_hook(doubled)\n",
            "a module is hooked into: `self.register_forward_pre_hook`",
        ),
        (
            "    def places(",
            "    def __call__(self, *given):\n        return doubled(*given)\n\n    def places(",
            "`PlumModel` decides itself what `__call__` does",
        ),
        ("    def places(", "    @doubled\n    def places(", f"`places` {HIDES}"),
        ("image_sizes=None, encoded", "image_sizes=3, encoded", "takes `image_sizes` to be `3` where it is not given"),
        (
            "pixel_values, image_sizes=None, **kwargs):",
            "pixel_values, image_sizes=3, **kwargs):",
            "`features` takes `image_sizes` to be `3` where it is not given",
        ),
        ("image_sizes=image_sizes)", "image_sizes=pixel_mask)", "made of more than pixels"),
        (".to(inputs_embeds.dtype)", ".to(torch.bfloat16)", "does more between tokens and logits"),
        (".to(inputs_embeds.dtype)", ".to(input_ids.dtype)", "does more between tokens and logits"),
        ("position_ids=position_ids, cache=", "cache=", "what a program for text does not have: no position_ids"),
    ],
)
def test_what_the_programs_would_leave_out_is_refused(before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal) as refused:
        generate_model(plum(before, after))
    assert refused.value.rule == "image_text" and what in str(refused.value)
    assert refused.value.location is not None and refused.value.location.line > 1


@pytest.mark.parametrize(
    ("name", "before", "after", "what"),
    [
        (
            "idefics3",
            "image_hidden_states=image_hidden_states,\n            )",
            "image_hidden_states=image_hidden_states * 2,\n            )",
            "places images by",
        ),
        ("idefics3", "    def inputs_merger(", "    @doubled\n    def inputs_merger(", "hide behaviour"),
        ("gemma3", "def get_block_sequence_ids", "@doubled\ndef get_block_sequence_ids", "does more between tokens"),
        ("qwen2_5_vl", "cache is None else cache.get_seq_length()", "cache is None else 1", "makes positions by"),
        ("qwen2_5_vl", "            input_ids is not None\n", "            input_ids is None\n", "makes positions by"),
        (
            "qwen2_5_vl",
            "                attention_mask=attention_mask,\n                cache=cache,\n                mm",
            "                attention_mask=attention_mask,\n                cache=None,\n                mm",
            "makes positions by",
        ),
    ],
)
def test_what_upstream_s_families_would_leave_out_is_refused(name: str, before: str, after: str, what: str) -> None:
    with pytest.raises(Refusal, match=what):
        generate_model(changed(name, before, after))
