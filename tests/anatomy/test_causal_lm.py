"""The causal LM is told by its form: what it inherits decides only between several."""

from __future__ import annotations

import re

import pytest

from qeff_codegen.anatomy.causal_lm import find_causal_lm, why_causal_lm
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.errors import Refusal
from qeff_codegen.upstream.source import UpstreamModel

FILE = """
class Gate(nn.Module):
    def forward(self, hidden_states):
        logits = F.linear(hidden_states, self.weight)
        return logits.softmax(-1)

class Layer(nn.Module):
    def __init__(self, config):
        self.gate = Gate(config)

    def forward(self, hidden_states):
        router_logits = self.gate(hidden_states)
        return hidden_states, router_logits

class Model(PreTrainedModel):
    def __init__(self, config):
        self.layers = nn.ModuleList([Layer(config) for _ in range(2)])

    def forward(self, input_ids):
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        return hidden_states
"""
LM = """
class {name}({bases}):
    def __init__(self, config):
        self.model = Model(config)

    def forward(self, input_ids, labels=None):
        hidden_states = self.model(input_ids)
        {body}
"""
LOGITS = "return CausalLMOutputWithPast(logits=self.lm_head(hidden_states))"
OF_LABELS = "return SequenceClassifierOutput(logits=self.score(hidden_states).view(-1, self.num_labels))"
OF_A_SPAN = "logits = self.qa(hidden_states)\n        start_logits, end_logits = logits.split(1)"


def lm(name: str, body: str = LOGITS, bases: str = "PreTrainedModel") -> str:
    return LM.format(name=name, body=body, bases=bases)


def found(source: str, causal_lm: str | None = None, named_by: str = "") -> tuple[str, tuple[str, ...]]:
    file = read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "modeling_tiny", source, causal_lm, named_by))
    cls = find_causal_lm(file)
    return cls.name, why_causal_lm(file, cls)


BY_FORM = ("the one class whose forward calls a model and returns logits over the vocabulary",)


@pytest.mark.parametrize("others", ["", lm("Labels", OF_LABELS), lm("Span", OF_A_SPAN), lm("Embedder", "return 0")])
def test_it_calls_the_model_and_returns_logits_whatever_it_inherits(others: str) -> None:
    assert found(FILE + others + lm("Talker")) == ("Talker", BY_FORM)


def test_a_model_that_computes_the_logits_for_the_class_around_it_is_not_it() -> None:
    inner = FILE.replace("return hidden_states\n", "logits = hidden_states\n        return logits\n")
    assert found(inner + lm("Talker", "return self.model(input_ids).logits")) == ("Talker", BY_FORM)


def test_of_several_it_is_the_one_that_generates() -> None:
    source = FILE + lm("Other") + lm("Talker", bases="PreTrainedModel, GenerationMixin")
    assert found(source) == ("Talker", ("the one class that inherits GenerationMixin and returns logits",))


@pytest.mark.parametrize("bases", ["PreTrainedModel", "PreTrainedModel, GenerationMixin"])
def test_of_several_the_user_says_which(bases: str) -> None:
    source = FILE + lm("Talker", bases=bases) + lm("Speaker", bases=bases)
    with pytest.raises(Refusal, match="there must be one causal LM in the file, found Talker, Speaker") as caught:
        found(source)
    assert caught.value.next_step == "say which is meant: --class Talker or --class Speaker"
    assert found(source, causal_lm="Speaker", named_by="--class") == ("Speaker", ("--class names it for `tiny`",))


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ("", ""),
        (lm("Labels", OF_LABELS), "`Labels`: its logits are of labels (`num_labels`)"),
        (lm("Span", OF_A_SPAN), "`Span`: its logits are of a span (`start_logits`)"),
        (lm("Mute", "return 0", "GenerationMixin"), "`Mute`: its forward returns no logits"),
        ("class Bare(GenerationMixin): ...\n", "`Bare`: it has no forward of its own"),
        ("".join(lm(f"Labels{n}", OF_LABELS) for n in range(8)), ", 2 more"),
    ],
)
def test_what_might_be_taken_for_one_and_what_it_lacks(others: str, said: str) -> None:
    with pytest.raises(
        Refusal, match="no class of the file is a causal LM" + re.escape(f" ({said}" if said[:1] == "`" else "")
    ) as caught:
        found(FILE + others)
    assert said in caught.value.what
    assert (
        caught.value.expected
        == "one class whose forward calls a model of the file and returns logits over the vocabulary"
    )
