"""Features of images that go into layers of the text model, beside those that take the places of tokens.

    deepstack_image_embeds = mm_encoder_outputs["image"].deepstack_features
    ...
    elif image_mask is not None:
        image_mask = image_mask[..., 0]
        visual_pos_masks = image_mask
        deepstack_visual_embeds = [torch.cat(feat, dim=0) for feat in deepstack_image_embeds]

They are the tower's, one tensor for each of the first layers, of the same tokens as what takes their places. The
program for text is handed both, and puts both at the same tokens.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, self_attribute
from qeff_codegen.codemod.tree import find
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

_NONE = Pattern("$name = None")
_HANDED_ON = Pattern("""
if $mask is not None and $video is not None:
    $...joined
elif $mask is not None:
    $mask = $mask[..., 0]
    $places = $mask
    $given = [torch.cat($feature, dim=0) for $feature in $deep]
elif $video is not None:
    $...videos
""")
FIELD = "deepstack_features"


@dataclass(frozen=True)
class LayerFeatures:
    """What the text model is handed for its layers.

    Attributes:
        embeds: the local with the features of every layer.
        places: the local that says where images stand.
        chosen: the setting of the vision tower that lists the layers of it whose features these are.
    """

    embeds: str
    places: str
    chosen: str


def layer_features(
    file: ModelingFile, model: ModelingClass, statements: Sequence[ast.stmt]
) -> tuple[LayerFeatures | None, list[ast.stmt]]:
    """What goes into layers, if anything does, and the forward's other statements.

    Raises:
        Refusal: features for layers are made of something else than the tower's of the same images.
    """
    found = [(item, made) for item in statements if (made := match(_HANDED_ON, item)) is not None]
    if len(found) != 1:
        return None, list(statements)
    statement, made = found[0]
    if not made.are_names("mask", "video", "places", "given", "deep", "feature"):
        raise _refusal(file, model, statement)
    kept: list[ast.stmt] = []
    taken = 0
    unset = {made.name(name) for name in ("mask", "video", "places", "given")}
    for item in statements:
        none = match(_NONE, item)
        if item is statement or (none is not None and none.name("name") in unset):
            continue
        if isinstance(item, ast.If):
            body = [inner for inner in item.body if not _takes(inner, made)]
            taken += len(item.body) - len(body)
            item = ast.copy_location(ast.If(item.test, body, item.orelse), item)
        kept.append(item)
    if taken != 1:
        raise _refusal(file, model, statement)
    chosen = [name for cls in file.classes.values() if (name := _chosen(cls)) is not None]
    if len(chosen) != 1:
        raise _refusal(file, model, statement)
    return LayerFeatures(made.name("given"), made.name("places"), chosen[0]), kept


def _chosen(cls: ModelingClass) -> str | None:
    """The setting that lists layers, where a tower gives features of those as `deepstack_features`."""
    gives = any(item.arg == FIELD for item in find(ast.keyword, cls.forward))
    for asked in find(ast.If, cls.forward) if gives else ():
        test = asked.test
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In):
            name = self_attribute(test.comparators[0])
            if name is not None and [ast.unparse(value) for value in cls.assigned[name]] == [f"config.{name}"]:
                return name
    return None


def _takes(statement: ast.stmt, made: Match) -> bool:
    """Whether a statement takes the tower's features for layers, `$deep = <outputs>["image"].deepstack_features`."""
    value = statement.value if isinstance(statement, ast.Assign) else None
    return (
        isinstance(statement, ast.Assign)
        and isinstance(value, ast.Attribute)
        and value.attr == FIELD
        and ast.unparse(value.value).endswith("['image']")
        and ast.unparse(statement.targets[0]) == made.name("deep")
    )


def _refusal(file: ModelingFile, model: ModelingClass, statement: ast.stmt) -> Exception:
    return refusal(
        file,
        f"`{model.name}.forward` makes what goes into layers in a way that is not known",
        statement.lineno,
        f'`<features> = <outputs>["image"].{FIELD}`, joined along their first axis, with the mask of image tokens',
    )
