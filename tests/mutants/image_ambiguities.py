"""Whether Hugging Face's own answer about images depends on how tokens are split into calls, or on other rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from qeff_codegen.tiny_models.models import random_tokens
from qeff_codegen.tiny_models.release_differences import cache_argument
from qeff_codegen.validation.comparison import tolerance_for
from qeff_codegen.validation.image_scenarios import ImageScenario
from qeff_codegen.validation.image_subject import ImageSubject, beside_tokens, counts_on

_SPLIT = "the answer depends on how a prompt is split"
_CALLS = "the answer depends on one call or several"
OTHER_ROWS = "the answer depends on what else is in the batch"


def ambiguities_of(subject: ImageSubject, both_ways: str | None) -> tuple[str, ...]:
    """What the answer to a prompt with an image depends on beside the prompt; nothing if it is the only one."""
    index = next(
        place
        for place, scenario in enumerate(subject.scenarios)
        if isinstance(scenario, ImageScenario) and scenario.images == (1,)
    )
    scenario, reference = subject.scenarios[index], subject.references[index]
    assert isinstance(scenario, ImageScenario)
    (prompt,), ((image,),) = scenario.prompts, subject.pixels_of(scenario)
    token = subject.model.config.image_token_id
    text = random_tokens(len(prompt), min(token, subject.model.config.get_text_config().vocab_size), seed=1)
    other = [own if own == token else drawn for own, drawn in zip(prompt, text, strict=True)]
    behind = len(prompt) - prompt[::-1].index(token)
    new = reference.tokens[0][:-1]
    found = {_SPLIT: _of_last(subject, [prompt], [image], both_ways, split=behind)}
    if token not in new:
        found[_CALLS] = _of_last(subject, [[*prompt, *new]], [image], both_ways)
    both = _of_last(subject, [prompt, other], [image, image.flip(-1)], both_ways)
    alone = np.concatenate(
        [_of_last(subject, [row], [own], both_ways) for row, own in ((prompt, image), (other, image.flip(-1)))]
    )
    found[OTHER_ROWS] = both
    wanted = {_SPLIT: reference.logits[0][:1], _CALLS: reference.logits[0][-1:], OTHER_ROWS: alone}
    tolerance = tolerance_for(reference)
    return tuple(what for what, got in found.items() if not float(np.abs(got - wanted[what]).max()) <= tolerance)


def _of_last(
    subject: ImageSubject,
    rows: Sequence[Sequence[int]],
    images: Sequence[torch.Tensor],
    both_ways: str | None,
    split: int | None = None,
) -> np.ndarray:
    """Logits of each row's last token, `[rows, vocab]`, all in one call, or what is behind `split` in a second one."""
    model = subject.model
    tokens = torch.tensor([list(row) for row in rows])
    if counts_on(model):
        model.base_model.rope_deltas = None
    cache: Any = DynamicCache(config=model.config.get_text_config())
    seen = 0
    with torch.no_grad():
        for call in [tokens] if split is None else [tokens[:, :split], tokens[:, split:]]:
            given: dict[str, Any] = {cache_argument(model): cache}
            if seen == 0:
                given |= beside_tokens(model, [subject.layouts[0]] * len(rows), call, tuple(images), both_ways)
            seen += call.shape[1]
            if not counts_on(model):
                given["attention_mask"] = torch.ones(len(rows), seen, dtype=torch.int64)
            output = model(input_ids=call, use_cache=True, **given)
    logits: np.ndarray = output.logits[:, -1].float().numpy()
    return logits
