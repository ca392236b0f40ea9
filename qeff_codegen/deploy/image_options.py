"""What a user asks of the images of an image-text model, and what cannot be asked together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.errors import UsageError


@dataclass(frozen=True)
class ImageOptions:
    """Which images programs are made for, and how many programs. Names are QEfficient's.

    Attributes:
        img_size: heights and widths of images, in pixels, one program for each; the configured size where there are
            none.
        max_num_images: images of one prompt, each as the processor cuts it; None for as many as there are.
        single_qpc: one program for both, which takes one image for each prompt.

    Raises:
        UsageError: a size is not positive, or two options contradict each other; the message names them.
    """

    img_size: tuple[tuple[int, int], ...] = ()
    max_num_images: int | None = None
    single_qpc: bool = False

    def __post_init__(self) -> None:
        given: dict[str, list[int | None]] = {
            "img_size": [side for size in self.img_size for side in size],
            "max_num_images": [self.max_num_images],
        }
        for name, values in given.items():
            for value in values:
                if value is not None and value < 1:
                    raise UsageError(f"{name} is {value}: it must be 1 or more.")
        if self.single_qpc and (len(self.img_size) > 1 or (self.max_num_images or 1) > 1):
            raise UsageError(
                "one program for images and text takes one image of one size for each prompt, and several are asked "
                "for. Leave out single_qpc, or the others."
            )

    def for_images(self, most: int) -> ImageOptions:
        """The same for prompts of so many images at the most, unless it is said how many there are."""
        named = self.single_qpc or self.max_num_images is not None
        return self if named else replace(self, max_num_images=max(1, most))

    def check_with(self, options: CompileOptions) -> None:
        """Makes sure that a program with images can be what `options` ask for.

        Raises:
            UsageError: naming what it asks for.
        """
        asked = {
            "num_speculative_tokens": options.num_speculative_tokens is not None,
            "dynamo": options.dynamo,
        }
        wanted = [name for name, is_asked in asked.items() if is_asked]
        if wanted:
            raise UsageError(f"programs with images are made without {' and '.join(wanted)}. Leave it out.")
        if self.single_qpc and options.continuous_batching:
            raise UsageError(
                "full_batch_size and single_qpc are given together: one program for images and text has no continuous "
                "batching. Give one of them."
            )
        if options.prefill_seq_len == 1:
            raise UsageError(
                "prefill_seq_len is 1: a call of one token is a step of decoding, in which no image is placed. Give 2 "
                "or more."
            )


def check_vision_size(vision_size: int, ctx_len: int) -> None:
    """Makes sure that the context has room for the tokens of a prompt's images, and for one of text.

    Raises:
        UsageError: it has not.
    """
    if vision_size >= ctx_len:
        raise UsageError(
            f"vision_size is {vision_size}, what the images of a prompt take of the context, and ctx_len {ctx_len}. "
            "Raise ctx_len, or lower max_num_images or img_size."
        )


def check_call_holds_image(both_ways: str | None, of_an_image: int, prefill_seq_len: int) -> None:
    """Makes sure that the tokens of an image are in one call, where they attend to one another both ways.

    Args:
        both_ways: whose tokens do, as a generated model says: those of an `image`, or of a `prompt`, which is one with
            a token of text at the least; None where none do.
        of_an_image: how many tokens an image has.
        prefill_seq_len: how many a call has.

    Raises:
        UsageError: they are more than a call has.
    """
    needed = {None: 0, "image": of_an_image, "prompt": of_an_image + 1}[both_ways]
    if needed > prefill_seq_len:
        raise UsageError(
            f"prefill_seq_len is {prefill_seq_len}, and {needed} tokens of a prompt with an image attend to one "
            "another both ways and have to be in one call. Raise prefill_seq_len to that or more."
        )


def sizes_of(given: int | Sequence[int | tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Heights and widths, of what `compile` takes as `img_size`.

    Raises:
        UsageError: it may be one size or two.
    """
    sizes = (given,) if isinstance(given, int) else given
    if isinstance(sizes, tuple) and len(sizes) == 2 and all(isinstance(side, int) for side in sizes):
        height, width = sizes
        raise UsageError(
            f"img_size is {sizes}, which may be one size or two: give [({height}, {width})] for images of that height "
            f"and width, or [{height}, {width}] for squares of two sizes."
        )
    return tuple((size, size) if isinstance(size, int) else size for size in sizes)
