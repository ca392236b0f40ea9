"""What the vision program hands upstream's method beside pixels: what one image's size says.

Processors give sizes, grids and masks, and each way of laying pixels out has its own. An image of one size has one of
each, so the program takes pixels alone: `qeff_codegen.runtime.one_image` has a class for each way.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingFile, parameters, self_attribute
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.handed_on import check_defaults
from qeff_codegen.image_text.image_features import PIXELS, filled_in
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import match
from qeff_codegen.patterns.pattern import Pattern

# What upstream computes with where it is not given, as for an image that fills its pixels.
_FILLED = ("batch_num_images", "pixel_attention_mask", "pixel_mask")
_LISTED = Pattern("$_, $_, $_, $_, $_ = pixel_values.shape")
_TILED = Pattern("pixel_values.dim() == 5")
_AT_ONCE = "`pixel_values`, what an image's size says, and settings by their names, which the configuration gives"


@dataclass(frozen=True)
class SideInputs:
    """What the method for image features is given beside pixels.

    Attributes:
        layout: the class of `qeff_codegen.runtime.one_image` that lays pixels out.
        of_size: of the method's parameters, those that the size of the image fills, with the attribute of `layout`.
    """

    layout: str
    of_size: tuple[tuple[str, str], ...]


def side_inputs(file: ModelingFile, method: ast.FunctionDef, call: ast.Call) -> SideInputs:
    """Read the call of `method`, which makes the features of images.

    Raises:
        Refusal: it is given something else, or pixels that are laid out in a way that is not known.
    """
    check_defaults(file, method, method.name, filled_in(method))
    plain = ast.Call(call.func, call.args, [item for item in call.keywords if item.arg is not None])
    given = bound_arguments(plain, parameters(method))
    if given is None or spelled(given.pop(PIXELS, ast.Constant(None))) not in (
        PIXELS,
        f"{PIXELS}[:1]",
        f"{PIXELS}.to(inputs_embeds.dtype)",
    ):
        raise _refusal(file, method, call)
    given = {name: value for name, value in given.items() if name != "return_dict"}
    others = {name: spelled(value) for name, value in given.items()}
    needed = _without_default(method)
    layout, attributes = _layout(file, method, set(others.values()))
    of_size = tuple((name, text) for name, text in others.items() if text in attributes)
    unknown = [
        name
        for name, text in others.items()
        if text not in attributes
        and (text != name or name in needed)
        and not (text == name and name in _FILLED)
        and not (text == f"self.config.{name}" and name in filled_in(method))
    ]
    unknown += [name for name in needed if name not in given and name != PIXELS]
    if unknown:
        raise _refusal(file, method, call)
    return SideInputs(layout, of_size)


def _layout(file: ModelingFile, method: ast.FunctionDef, given: set[str]) -> tuple[str, tuple[str, ...]]:
    """How pixels are laid out, and what of the method's arguments the size of an image says then."""
    if "image_grid_thw" in given:
        layout = "PatchSquares" if _convolves_patches(file) else "PatchRows"
        return layout, ("image_grid_thw", "image_merge_sizes")
    if "image_position_ids" in given:
        return "PatchTable", ("image_position_ids",)
    if {"spatial_shapes", "pixel_attention_mask"} <= given:
        return "PatchTable", ("spatial_shapes", "pixel_attention_mask")
    if "target_sizes" in given:
        return "PatchStrip", ("target_sizes",)
    if any(match(_TILED, node) is not None for node in find(ast.Compare, method)):
        return "TiledImage", ("image_sizes",)
    if any(match(_LISTED, statement) is not None for statement in method.body):
        return "ListedImage", ()
    return "WholeImage", ("image_sizes",)


def _convolves_patches(file: ModelingFile) -> bool:
    """Whether a class that is told the grids of patches convolves its pixels as they are, as small images."""
    for cls in file.classes.values():
        if cls.forward is None or not {PIXELS, "grid_thw"} <= set(parameters(cls.forward)):
            continue
        for call in find(ast.Call, cls.forward):
            name = self_attribute(call.func)
            pixels = spelled(call.args[0]) if len(call.args) == 1 else ""
            if name in cls.made_by("Conv2d") and (pixels == PIXELS or pixels.startswith(f"{PIXELS}.to(")):
                return True
    return False


def _without_default(method: ast.FunctionDef) -> list[str]:
    arguments = method.args
    plain = [*arguments.posonlyargs, *arguments.args]
    names = [item.arg for item in plain[: len(plain) - len(arguments.defaults)]]
    names += [
        item.arg for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    return [name for name in names if name != "self"]


def _refusal(file: ModelingFile, method: ast.FunctionDef, call: ast.Call) -> Exception:
    return refusal(
        file,
        f"the features of images are made of more than pixels: `{spelled(call)}`",
        call.lineno,
        _AT_ONCE,
    )
