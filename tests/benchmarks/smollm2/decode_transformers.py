"""`python -m tests.benchmarks.smollm2.decode_transformers CHECKPOINT TASK ATTENTION`: transformers' `generate`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from tests.benchmarks.smollm2.decoding import THREADS, Task


class Tokens:
    """Takes what `generate` streams: the prompt first, then token by token."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[torch.Tensor | None] = SimpleQueue()

    def put(self, tokens: torch.Tensor) -> None:
        self.queue.put(tokens)

    def end(self) -> None:
        self.queue.put(None)


def generated(model: Any, task: Task) -> Iterator[int]:
    """New tokens as they come."""
    streamer = Tokens()
    tokens = torch.tensor([task.prompt])
    count = task.new_tokens
    settings = {"min_new_tokens": count, "max_new_tokens": count, "do_sample": False, "pad_token_id": 0}
    mask = torch.ones_like(tokens)
    Thread(
        target=model.generate, args=(tokens,), kwargs=settings | {"attention_mask": mask, "streamer": streamer}
    ).start()
    streamer.queue.get()
    while (token := streamer.queue.get()) is not None:
        yield int(token)


torch.set_num_threads(THREADS)
decoder = AutoModelForCausalLM.from_pretrained(
    sys.argv[1], dtype=torch.float32, attn_implementation=sys.argv[3]
).eval()
wanted = Task.parsed(sys.argv[2])
for _ in range(wanted.runs):
    wanted.report(generated(decoder, wanted))
