"""Text from prompts: which decoder runs them, in which batches, and how fast it was."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qeff_codegen.decoding.context_lengths import ContextLengths
from qeff_codegen.decoding.continuous_batching import stream_continuously
from qeff_codegen.decoding.decoding import NewToken
from qeff_codegen.decoding.generation import stream, tokens_to_generate
from qeff_codegen.decoding.prefill import Together, check_prompts
from qeff_codegen.decoding.prompt_lookup import PromptLookup
from qeff_codegen.decoding.sampled_decoding import SampledDecoding
from qeff_codegen.decoding.text import TextSoFar, prompt_tokens, stop_tokens
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.long_context import long_context_of
from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class Piece:
    """A piece of text that a prompt goes on with; empty where a token completes nothing that can be shown.

    Attributes:
        last: whether the prompt's text ends with it.
    """

    prompt: int
    text: str
    last: bool


@dataclass(frozen=True)
class Speed:
    """How fast a run was.

    Attributes:
        time_to_first_token: seconds from the start to the first token of the first prompt.
        seconds: the whole run, without loading and exporting.
        tokens: generated, of all prompts.
    """

    time_to_first_token: float
    seconds: float
    tokens: int

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens per second after the first."""
        rest = self.seconds - self.time_to_first_token
        return (self.tokens - 1) / rest if self.tokens > 1 and rest > 0 else 0.0


def tokens_of(prompts: Sequence[str], tokenizer: Any, vocab_size: int, options: CompileOptions) -> list[list[int]]:
    """Every prompt's tokens, which the model can read and the context has room for.

    Raises:
        UsageError: naming the prompt that cannot be run.
    """
    tokens = [prompt_tokens(tokenizer, prompt) for prompt in prompts]
    for prompt, own in zip(prompts, tokens, strict=True):
        if not own:
            raise UsageError(f"the tokenizer makes no token of the prompt {prompt!r}. Give another text.")
        if max(own) >= vocab_size:
            raise UsageError(
                f"the tokenizer makes token {max(own)} of the prompt {prompt!r}, and the model's vocabulary has "
                f"{vocab_size}: it is another model's. Copy the tokenizer's files from where the model comes from."
            )
    check_prompts(tokens, options.prefill_seq_len, options.ctx_len)
    return tokens


class Inference:
    """One run of prompts through a decoder, to be iterated over once.

    Args:
        decoder: a PyTorch decoder or an ONNX Runtime session with an empty cache.
        model: its model, for the tokens that end a text.
        tokenizer: its tokenizer.
        tokens: each prompt's, as `tokens_of` gives them.
        options: sizes of prefill and cache, how much of it is read, and how long drafts are.
        generation_len: tokens per prompt at most; None for all the context allows.
        sampled: how to decode with a decoder that draws its tokens; None with one that gives logits.
    """

    def __init__(
        self,
        decoder: Any,
        model: Any,
        tokenizer: Any,
        tokens: Sequence[Sequence[int]],
        options: CompileOptions,
        *,
        generation_len: int | None,
        sampled: SampledDecoding | None = None,
        together: Together | None = None,
    ) -> None:
        self.texts = [TextSoFar(tokenizer) for _ in tokens]
        self._ends = ends = stop_tokens(model)
        self._longest = [tokens_to_generate(len(own), options.ctx_len, generation_len) for own in tokens]
        self._first: float | None = None
        run = decoder.run
        if options.compute_context_length:
            lengths = options.comp_ctx_lengths_prefill, options.comp_ctx_lengths_decode
            run = ContextLengths(run, *lengths, options.ctx_len).run
        drafted = options.num_speculative_tokens
        self._lookup = None if drafted is None else PromptLookup(drafted, options.ctx_len)
        decoding = sampled or self._lookup
        self._prompt_lengths = [len(own) for own in tokens]
        self._long_context = long_context = long_context_of(model)
        if long_context is not None:
            # The last token is not given to the graph any more.
            texts = [(len(own), len(own) + longest - 1) for own, longest in zip(tokens, self._longest, strict=True)]
            long_context.check(texts, options.prefill_seq_len, samples=sampled is not None)
        if options.full_batch_size is None:
            self._stream: Iterator[NewToken] = stream(
                run,
                tokens,
                prefill_seq_len=options.prefill_seq_len,
                ctx_len=options.ctx_len,
                max_new_tokens=generation_len,
                stop_tokens=ends,
                decoding=decoding,
                long_context=long_context,
                together=together,
            )
        else:
            self._stream = stream_continuously(
                run,
                tokens,
                full_batch_size=options.full_batch_size,
                prefill_seq_len=options.prefill_seq_len,
                ctx_len=options.ctx_len,
                max_new_tokens=[generation_len] * len(tokens),
                stop_tokens=ends,
                decoding=decoding,
                long_context=long_context,
                together=together,
            )

    def __iter__(self) -> Iterator[Piece]:
        started = time.perf_counter()
        for new in self._stream:
            if self._first is None:
                self._first = time.perf_counter() - started
            text = self.texts[new.prompt]
            piece = text.add(new.token)
            is_last = new.token in self._ends or len(text.tokens) == self._longest[new.prompt]
            yield Piece(new.prompt, piece, is_last)
        self._seconds = time.perf_counter() - started

    @property
    def summary(self) -> str:
        """One line, when the iteration has ended: how many tokens, how fast, and what else there is to say of them."""
        speed = self.speed
        text = (
            f"{speed.tokens} tokens in {speed.seconds:.2f} s: the first after {speed.time_to_first_token:.2f} s, "
            f"then {speed.tokens_per_second:.1f} tokens/s"
        )
        if again := self._computed_again:
            text += f"; {again} computed again where LongRoPE changes its factors, as generate() does"
        if self._lookup is None:
            return text
        decoded = speed.tokens - len(self.texts)
        return f"{text}; {decoded} tokens decoded in {self._lookup.calls} calls"

    @property
    def _computed_again(self) -> int:
        """How many texts were."""
        known = self._long_context
        if known is None or not known.begins_again:
            return 0
        given = zip(self._prompt_lengths, self.texts, strict=True)
        return sum(length <= known.long_from < length + len(text.tokens) - 1 for length, text in given)

    @property
    def speed(self) -> Speed:
        """How fast it was; known when the iteration has ended."""
        assert self._first is not None, "iterate first"
        return Speed(self._first, self._seconds, sum(len(text.tokens) for text in self.texts))
