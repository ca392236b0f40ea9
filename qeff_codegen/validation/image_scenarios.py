"""The situations that an image-text model must survive with the same tokens and logits as upstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.decoding.image_prompts import kept_together
from qeff_codegen.tiny_models.models import random_tokens
from qeff_codegen.validation.scenarios import Scenario

# Stands for one image in the shape of a prompt, and for one of another size; numbers are runs of text.
IMAGE, OTHER = "image", "other image"
_Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class ImageScenario(Scenario):
    """Prompts with images, decoded greedily.

    Attributes:
        images: for each prompt, how many images it has.
        others: for each prompt, for each of its images, whether it is of the other size.
    """

    images: tuple[int, ...] = ()
    others: tuple[tuple[bool, ...], ...] = ()


@dataclass(frozen=True)
class _Planned:
    name: str
    prompts: tuple[_Shape, ...]
    prefill_seq_len: int
    full_batch_size: int | None = None
    kinds: tuple[str, ...] = ("base",)
    # Whether an image may be in several calls, or a prompt.
    splits_image: bool = False
    splits_prompt: bool = False


CTX_LEN = 64
# Two images of more tokens than this take a longer context.
_FEW_TOKENS = 20
LONG_CTX_LEN = 128
# An image has 4 to 43 tokens, so a chunk of 3 splits each, and one of the context's length none.
_PLANNED = (
    _Planned("text alone", ((3,), (9,)), prefill_seq_len=4),
    _Planned("one image", ((3, IMAGE, 4),), prefill_seq_len=CTX_LEN, kinds=("base", "flag")),
    _Planned("an image over chunks", ((4, IMAGE, 2),), prefill_seq_len=3, kinds=("base", "flag"), splits_image=True),
    _Planned("chunks between images", ((2, IMAGE, 11, IMAGE, 3),), prefill_seq_len=3, splits_prompt=True),
    _Planned("ragged batch", ((2, IMAGE, 5), (7, IMAGE), (4,), (IMAGE, 1, IMAGE, 1)), prefill_seq_len=CTX_LEN),
    _Planned(
        "ragged batch over chunks",
        ((2, IMAGE, 5), (9, IMAGE), (4,), (IMAGE, 1, IMAGE, 1)),
        prefill_seq_len=5,
        splits_prompt=True,
    ),
    _Planned(
        "continuous batching",
        ((2, IMAGE, 3), (5,), (1, IMAGE, IMAGE, 2), (6, IMAGE)),
        prefill_seq_len=5,
        full_batch_size=2,
    ),
)
# Of a model that takes images of any size, each by a program of its own.
_OF_TWO_SIZES = _Planned("images of two sizes", ((2, IMAGE, 3, OTHER, 2), (OTHER, 9, IMAGE), (4,)), prefill_seq_len=5)
NEW_TOKENS = 6


def names_of(kind: str, both_ways: str | None = None, *, two_sizes: bool = False) -> tuple[str, ...]:
    """The names of a variant's scenarios, in their order; `both_ways` as for `image_scenarios`."""
    return tuple(planned.name for planned in _planned(kind, both_ways, two_sizes))


def _planned(kind: str, both_ways: str | None, two_sizes: bool) -> list[_Planned]:
    """What fits: what has to be in one call is split by none."""
    return [
        planned
        for planned in (*_PLANNED, *([_OF_TWO_SIZES] if two_sizes else []))
        if kind in planned.kinds
        and not (both_ways is not None and planned.splits_image)
        and not (both_ways == "prompt" and planned.splits_prompt)
    ]


def image_scenarios(
    kind: str,
    vocab_size: int,
    image_token: int,
    tokens: Sequence[int],
    seed: int,
    both_ways: str | None = None,
    *,
    apart: bool = False,
) -> tuple[ImageScenario, ...]:
    """The scenarios for a variant of this `kind`; text is drawn from `seed`, of all tokens below the image token.

    Where tokens attend to one another `both_ways`, chunks hold the longest run of them: two images side by side, or a
    prompt.

    Args:
        kind: of the variant.
        vocab_size: how many tokens there are.
        image_token: the token that images take the places of.
        tokens: how many tokens an image has, and one of the other size, where there are two.
        seed: of the text.
        both_ways: `image`, `prompt`, or None where every token looks back alone.
        apart: no image may follow another at once: processors put a token before and behind each, and the model tells
            images apart by that.
    """
    text = min(vocab_size, image_token)
    ctx_len = CTX_LEN if max(tokens) <= _FEW_TOKENS else LONG_CTX_LEN
    of_image = {IMAGE: tokens[0], OTHER: tokens[-1]}
    shortest = {None: 0, "image": 2 * max(tokens) + 1, "prompt": ctx_len}[both_ways]
    return tuple(
        ImageScenario(
            name=planned.name,
            prompts=tuple(
                _prompt(_set_apart(shape) if apart else shape, text, image_token, of_image, seed * 1000 + row)
                for row, shape in enumerate(planned.prompts)
            ),
            prefill_seq_len=(
                ctx_len if planned.prefill_seq_len == CTX_LEN else max(planned.prefill_seq_len, shortest)
            ),
            ctx_len=ctx_len,
            new_tokens=(NEW_TOKENS,) * len(planned.prompts),
            full_batch_size=planned.full_batch_size,
            together=kept_together(both_ways, image_token),
            images=tuple(len(_images(shape)) for shape in planned.prompts),
            others=tuple(tuple(part == OTHER for part in _images(shape)) for shape in planned.prompts),
        )
        for planned in _planned(kind, both_ways, len(tokens) > 1)
    )


def _images(shape: _Shape) -> list[str]:
    return [part for part in shape if isinstance(part, str)]


def _set_apart(shape: _Shape) -> _Shape:
    """The shape with a token of text between two images."""
    found: list[int | str] = []
    for part in shape:
        found += [1, part] if found and isinstance(part, str) and isinstance(found[-1], str) else [part]
    return tuple(found)


def _prompt(
    shape: Sequence[int | str], text: int, image_token: int, of_image: dict[str, int], seed: int
) -> tuple[int, ...]:
    tokens: list[int] = []
    for index, part in enumerate(shape):
        tokens += random_tokens(part, text, seed + index) if isinstance(part, int) else [image_token] * of_image[part]
    return tuple(tokens)
