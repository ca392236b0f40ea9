"""Real prompts take the same way as tiny ones, and come back as text."""

from __future__ import annotations

from typing import Any

import pytest

from qeff_codegen.checked_in.generated_code import GeneratedTransforms
from qeff_codegen.deploy.packaged_weights import SMOLLM2
from qeff_codegen.validation import real_text
from qeff_codegen.validation.own_bench import OwnRuntime
from qeff_codegen.validation.report import texts
from qeff_codegen.validation.results import ScenarioFinished
from qeff_codegen.validation.stages import run_stages
from qeff_codegen.validation.subjects import Subject
from tests.validation.conftest import MistralTransform

END = 7


class Tokenizer:
    """A token per letter."""

    def __init__(self, chat_template: str | None) -> None:
        self.chat_template = chat_template

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [1] * add_special_tokens + [ord(letter) for letter in text]}

    def apply_chat_template(self, chat: list[dict[str, str]], **_options: Any) -> str:
        return f"<{chat[0]['content']}>"

    def decode(self, token_ids: list[int], skip_special_tokens: bool) -> str:
        return " ".join(map(str, token_ids))


def subject_with(base: Subject, chat_template: str | None, monkeypatch: pytest.MonkeyPatch) -> Subject:
    monkeypatch.setattr(real_text, "fetch", lambda _weights: None)
    monkeypatch.setattr(real_text, "load", lambda _path: (base.model, Tokenizer(chat_template)))
    return real_text.real_subject(SMOLLM2)


def test_prompts_go_through_the_chat_template_if_there_is_one(
    base_subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (chat,) = subject_with(base_subject, "a template", monkeypatch).scenarios
    (plain,) = subject_with(base_subject, None, monkeypatch).scenarios
    question = tuple(map(ord, real_text.PROMPTS[0]))
    assert chat.prompts[0] == (ord("<"), *question, ord(">")), "no special token beside the template's"
    assert plain.prompts[0] == (1, *question)
    assert len(chat.prompts) == len(real_text.PROMPTS)


def test_text_ends_where_the_model_ended_it(base_subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_with(base_subject, None, monkeypatch)
    assert subject.decode is not None
    monkeypatch.setattr(base_subject.model.config, "eos_token_id", END)
    assert subject.decode([5, 6, END, 8]) == "5 6"
    assert subject.decode([5, 6]) == "5 6"


def test_every_stage_s_text_is_reported(base_subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_with(base_subject, "a template", monkeypatch)
    *_, last = run_stages(subject, OwnRuntime(GeneratedTransforms((MistralTransform,))))
    assert isinstance(last, ScenarioFinished)
    assert last.result.passed
    shown = texts(last.result)
    assert shown.count("same text in 3 stages") == len(real_text.PROMPTS)
    expected = " ".join(map(str, subject.references[0].tokens[0]))
    assert f"Prompt: {real_text.PROMPTS[0]}\n  Stage 1 (Hugging Face): '{expected}'\n" in shown
