"""Which causal LMs speculative decoding and on-device sampling can take, by what their forward does."""

from __future__ import annotations

import ast

import pytest

from qeff_codegen.checkout.forward_calls import keywords_of_call, why_no_sampler, why_no_speculation

PASSED = frozenset({"input_ids", "position_ids", "return_dict"})
CODE = """\
class QEffFigModel(FigModel):
    def forward(self, input_ids, position_ids, **kwargs):
        return self.norm(input_ids)


class QEffFigForCausalLM(FigForCausalLM):
    def forward(self, input_ids, position_ids, num_logits_to_keep=None, **kwargs):
        outputs = self.model(input_ids, position_ids=position_ids, **kwargs)
        hidden_states = outputs.last_hidden_state
        logit_index = position_ids.argmax(1)
        logits = self.lm_head(hidden_states[torch.arange(2), logit_index])
        return CausalLMOutputWithPast(logits=logits.float(), past_key_values=outputs.past_key_values)
"""


def speculation(*changes: tuple[str, str]) -> str:
    return why_no_speculation(changed(*changes), "QEffFigForCausalLM", "QEffFigModel", PASSED)


def changed(*changes: tuple[str, str]) -> str:
    code = CODE
    for before, after in changes:
        assert before in code
        code = code.replace(before, after)
    return code


def test_a_plain_head_can_be_a_target() -> None:
    assert speculation() == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("outputs.last_hidden_state\n", "outputs[0]\n"),
        (
            "hidden_states = outputs.last_hidden_state\n",
            "hidden_states = outputs.last_hidden_state[torch.arange(2), 0]\n",
        ),
        ("logits.float()", "logits"),
    ],
)
def test_other_spellings_of_it(before: str, after: str) -> None:
    assert speculation((before, after)) == ""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            "        return Causal",
            "        logits = logits * self.scale\n        return Causal",
            "`tlm_forward` leaves out what its `forward` does in `logits = logits * self.scale`",
        ),
        (
            "        return Causal",
            "        if self.config.cap is not None:\n            logits = torch.tanh(logits)\n        return Causal",
            "`tlm_forward` leaves out what its `forward` does in `logits = torch.tanh(logits)`",
        ),
        (
            "        return Causal",
            "        logits /= 2\n        return Causal",
            "`tlm_forward` leaves out what its `forward` does in `logits /= 2`",
        ),
        (
            "logits=logits.float()",
            "logits=logits.float() * 2",
            "`tlm_forward` leaves out what its `forward` does in `logits=logits.float() * 2`",
        ),
        (
            "self.lm_head(hidden_states[torch.arange(2), logit_index])",
            "self.lm_head(hidden_states[torch.arange(2), logit_index] / self.scale)",
            "`tlm_forward` leaves out what its `forward` does in "
            "`logits = self.lm_head(hidden_states[torch.arange(2), logit_index] / self.scale)`",
        ),
        (
            "= outputs.last_hidden_state",
            "= outputs.last_hidden_state * self.scale",
            "`tlm_forward` leaves out what its `forward` does in "
            "`hidden_states = outputs.last_hidden_state * self.scale`",
        ),
        (
            "self.lm_head(hidden_states[torch.arange(2), logit_index])",
            "self.lm_head(hidden_states[torch.arange(2), logit_index]) * 2",
            "`tlm_forward` leaves out what its `forward` does in "
            "`logits = self.lm_head(hidden_states[torch.arange(2), logit_index]) * 2`",
        ),
        ("self.lm_head", "self.embed_out", "`tlm_forward` calls `self.lm_head`, which its `forward` does not"),
        ("self.model(", "self.transformer(", "`tlm_forward` calls `self.model`, which its `forward` does not"),
        (
            "        logit_index",
            "        hidden_states = self.project(hidden_states)\n        logit_index",
            "its `forward` also calls `self.project`",
        ),
        (
            "def forward(self, input_ids, position_ids, **kwargs):",
            "def forward(self, input_ids, position_ids):",
            "`QEffFigModel.forward` takes no `return_dict`",
        ),
    ],
)
def test_what_tlm_forward_would_leave_out(before: str, after: str, reason: str) -> None:
    assert speculation((before, after)) == reason


def test_a_checkout_whose_code_has_no_such_call() -> None:
    assert "has no call of `self.model`" in why_no_speculation(CODE, "QEffFigForCausalLM", "QEffFigModel", frozenset())
    assert "has no call of `self.old_forward`" in why_no_sampler(CODE, "QEffFigForCausalLM", frozenset())


def test_the_sampler_needs_logits_by_name_and_its_arguments() -> None:
    assert why_no_sampler(CODE, "QEffFigForCausalLM", PASSED) == ""
    positional = changed(("logits=logits.float(), ", "logits.float(), "))
    assert why_no_sampler(positional, "QEffFigForCausalLM", PASSED) == (
        "its `forward` gives no output with `logits` by name"
    )
    narrow = changed(("num_logits_to_keep=None, **kwargs):", "num_logits_to_keep=None):"))
    assert (
        why_no_sampler(narrow, "QEffFigForCausalLM", PASSED) == "`QEffFigForCausalLM.forward` takes no `return_dict`"
    )


def test_the_call_that_lists_its_arguments_counts() -> None:
    source = "def f(self, **kw):\n    self.old(**kw)\n    self.old(a=1, b=2, **kw)\n    other.old(a=1, b=2, c=3)\n"
    assert keywords_of_call(ast.parse(source), "old") == {"a", "b"}
    assert keywords_of_call(ast.parse(source), "new") == frozenset()
