"""What a model's own code asks `DynamicCache` for that this transformers release no longer has: it gets an answer.

Files that were written for transformers 4.36 to 4.47 ask the cache for lengths by names of that time, and turn it into
pairs of keys and values and back. Where such a name is gone, Stage 1 could not run them at all; so while they run, and
only then, the installed class answers to it, as the old one did: a dynamic cache has no longest length, so all that it
holds is usable. A name that the installed class has stays its own. Generated code has another cache, and asks for none
of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers import DynamicCache

NOTE = (
    "Upstream's code asked `DynamicCache` for {names}, which this release of transformers no longer has: Stage 1 was "
    "given what older releases answer."
)


def _get_usable_length(cache: Any, new_seq_length: int, layer_idx: int = 0) -> int:
    """How many cached tokens a call of `new_seq_length` more may attend to: all of them."""
    return int(cache.get_seq_length(layer_idx))


def _get_max_length(cache: Any) -> None:
    """The most tokens that the cache may hold: there is no such number."""


def _seen_tokens(cache: Any) -> int:
    """How many tokens the first layer holds."""
    return int(cache.get_seq_length(0))


def _to_legacy_cache(cache: Any) -> tuple[tuple[Any, Any], ...]:
    """The keys and values of each layer, a pair of `[batch_size, num_kv_heads, tokens, head_dim]`."""
    return tuple((layer.keys, layer.values) for layer in cache.layers)


def _from_legacy_cache(cls: type[Any], past_key_values: Iterable[tuple[Any, Any]] | None = None) -> Any:
    """A cache that holds such pairs."""
    cache = cls()
    for layer_idx, (keys, values) in enumerate(past_key_values or ()):
        cache.update(keys, values, layer_idx)
    return cache


# How each stands in a class, and the function behind it.
_ANSWERS: dict[str, tuple[Callable[[Callable[..., Any]], Any], Callable[..., Any]]] = {
    "get_usable_length": (lambda answer: answer, _get_usable_length),
    "get_max_length": (lambda answer: answer, _get_max_length),
    "seen_tokens": (property, _seen_tokens),
    "to_legacy_cache": (lambda answer: answer, _to_legacy_cache),
    "from_legacy_cache": (classmethod, _from_legacy_cache),
}


class OlderCaches:
    """Answers for what is missing, and remembers what was asked."""

    def __init__(self) -> None:
        self._asked: dict[str, None] = {}

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Let `DynamicCache` answer to the names that it lacks."""
        missing = [name for name in _ANSWERS if not hasattr(DynamicCache, name)]
        try:
            for name in missing:
                placed, answer = _ANSWERS[name]
                setattr(DynamicCache, name, placed(self._remembered(name, answer)))
            yield
        finally:
            for name in missing:
                delattr(DynamicCache, name)

    def notes(self) -> tuple[str, ...]:
        """What the reader of a report must know: empty where nothing of the kind was asked for."""
        names = ", ".join(f"`{name}`" for name in self._asked)
        return (NOTE.format(names=names),) if names else ()

    def _remembered(self, name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def answered(*arguments: Any, **named: Any) -> Any:
            self._asked[name] = None
            return answer(*arguments, **named)

        return answered
