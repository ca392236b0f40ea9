"""What `compile` and `infer` ask for images of an image-text model."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from qeff_codegen.deploy.image_options import ImageOptions


class ImageSize(click.ParamType[tuple[int, int]]):
    """Height and width in pixels: `336`, or `448x672`."""

    name = "HEIGHT[xWIDTH]"

    def convert(
        self, value: str | tuple[int, int], parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[int, int]:
        """See `click.ParamType`."""
        if isinstance(value, tuple):
            return value
        height, _, width = value.partition("x")
        try:
            return int(height), int(width or height)
        except ValueError:
            self.fail(f"{value!r} is no size: give 336 for a square, or height and width as in 448x672")


_OPTIONS = (
    click.option(
        "--img-size",
        type=ImageSize(),
        multiple=True,
        help="Height and width of images, in pixels; repeatable.  [default: what the model is configured for]",
    ),
    click.option("--max-num-images", type=int, help="Images of one prompt.  [default: 1; for infer, those given]"),
    click.option("--single-qpc", is_flag=True, help="One program for images and text, not one for each."),
)
_NAMES = ("img_size", "max_num_images", "single_qpc")


def image_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as `images`: None where none was given."""

    @wraps(command)
    def with_images(**arguments: Any) -> Any:
        given = {name: arguments.pop(name) for name in _NAMES}
        is_asked = given["img_size"] or given["max_num_images"] is not None or given["single_qpc"]
        return command(images=ImageOptions(**given) if is_asked else None, **arguments)

    decorated: Callable[..., Any] = with_images
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
