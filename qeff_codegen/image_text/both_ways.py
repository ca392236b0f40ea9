"""Tokens that attend to one another both ways: those of an image, or all of a prompt's.

A causal mask is what a text model makes by itself. Some models make it before, and let tokens of one kind see those
that come later, by the types that a processor gives them. Two ways are known, each by all of its statements:

    image     a token of an image sees all of that image: its type is that of image tokens, 1
    prompt    a token of a prompt sees all of the prompt, whatever window a layer has: its type is 0

Where a setting says whether they do, and where layers with a window differ, the program for text does likewise.

What types say is known without them: image tokens are those that images take the places of, and a prompt is what is in
a call of more than one token. So the program for text takes none. It makes its mask while its text model is called:

    with attending_within(blocks_of_images(is_image_token, position_ids)):
        outputs = self.language_model(...)

A token that is seen before its turn is in the same call, since the cache has nothing of later ones. So the prompt's
chunks are cut where no run of such tokens is; the whole model says which they are.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingFile, parameters
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

_GIVEN = """{
    "config": self.config.get_text_config(),
    "inputs_embeds": inputs_embeds,
    "attention_mask": attention_mask,
    "cache": cache,
    "position_ids": position_ids,
}"""
_OF_PROMPT = Pattern(f"""
$given = {_GIVEN}
$is_first = cache is None or not cache.is_initialized or pixel_values is not None
if token_type_ids is not None and $is_first:
    $given["block_sequence_ids"] = torch.where(token_type_ids == 0, 0, -1)
$mask = create_causal_mask(**$given)
if getattr(self.config.text_config, "sliding_window", None) is not None:
    $copied = $given.copy()
    $mask = {{
        "full_attention": $mask,
        "sliding_attention": create_sliding_window_causal_mask(**$copied),
    }}
""")
_OF_IMAGES = Pattern(f"""
if not isinstance($mask := attention_mask, dict):
    $given = {_GIVEN}
    if token_type_ids is not None:
        $blocks = $blocks_of(token_type_ids, device=inputs_embeds.device)
        $mask = $masks_of(block_sequence_ids=$blocks, **$given)
    else:
        $mask = create_masks_for_generate(**$given)
""")
_OF_IMAGES_BY_SETTING = Pattern(f"""
if not isinstance($mask := attention_mask, dict):
    $given = {_GIVEN}
    $text = self.config.get_text_config()
    $asked = $text.use_bidirectional_attention == "vision"
    if $asked and mm_token_type_ids is not None:
        $blocks = $blocks_of(mm_token_type_ids, device=inputs_embeds.device)
        $mask = $masks_of(block_sequence_ids=$blocks, **$given)
    else:
        $mask = create_masks_for_generate(**$given)
""")
_OF_IMAGES_PAST_WINDOWS = Pattern(f"""
if not isinstance($mask := attention_mask, dict):
    $given = {_GIVEN}
    if self.config.get_text_config().use_bidirectional_attention == "vision":
        $blocks = torch.full([*inputs_embeds.size()[:-1]], -1, device=inputs_embeds.device)
        if mm_token_type_ids is not None:
            $blocks = $blocks_of(mm_token_type_ids, device=inputs_embeds.device)
        $given["block_sequence_ids"] = $blocks
    $mask = create_masks_for_generate(**$given)
""")
_ASKED = 'self.config.get_text_config().use_bidirectional_attention == "vision"'
_BLOCKS_OF = Pattern("""
$is_image = ($types == 1).to(device=$device)
$before = nn.functional.pad($is_image, (1, 0), value=0)[:, :-1]
$starts = $is_image & ~$before
$number = torch.cumsum($starts.int(), dim=1) - 1
$blocks = torch.where($is_image, $number, -1)
return $blocks
""")
# The type of videos, of which there are none, is 2.
_BLOCKS_OF_TYPES = Pattern("""
$types = $types.to($device)
$is_image = ($types == 1) | ($types == 2)
$before = torch.roll($is_image, shifts=1, dims=-1)
$before[..., 0] = False
$starts = $is_image & ~$before
$number = torch.cumsum($starts.int(), dim=1) - 1
$blocks = torch.where($is_image, $number, -1)
return $blocks
""")
_MASKS = """
$given = {
    "config": config,
    "inputs_embeds": inputs_embeds,
    "attention_mask": attention_mask,
    "cache": cache,
    "position_ids": position_ids,
}
$full = create_causal_mask(**$given, block_sequence_ids=block_sequence_ids)
if getattr(cache, "is_sliding", None) and True in cache.is_sliding:
    $layer = cache.is_sliding.index(True)
else:
    $layer = 0
$early, _, _, _, $length, _, $offset = _preprocess_mask_arguments(**$given, layer_idx=$layer)
if $early:
    $padded = block_sequence_ids
else:
    $padded = maybe_pad_block_sequence_ids(block_sequence_ids, attention_mask, $length, $offset)
$window = create_causal_mask(
    **$given,
    or_mask_function=blockwise_overlay($padded),
    and_mask_function=sliding_window_overlay(config.sliding_window),
    layer_idx=$layer,
)
return {"full_attention": $full, "sliding_attention": $window}
"""
_MASKS_OF = Pattern(_MASKS)
_MASKS_OF_WINDOWS = Pattern(_MASKS.replace(", block_sequence_ids=block_sequence_ids)", ")", 1))
# What layers with a window let tokens of an image see: what of it lies in the window as of others, what lies there and
# no other layer lets them see it, all of it.
LIKE_OTHERS, ALONE, PAST_WINDOWS = "", "in_windows", "past_windows"
# For each way in which image tokens see one another, the file's own functions that make blocks and masks, and that.
_WAYS: tuple[tuple[Pattern, dict[str, Pattern], str], ...] = (
    (_OF_IMAGES, {"blocks_of": _BLOCKS_OF, "masks_of": _MASKS_OF}, LIKE_OTHERS),
    (_OF_IMAGES_BY_SETTING, {"blocks_of": _BLOCKS_OF_TYPES, "masks_of": _MASKS_OF_WINDOWS}, ALONE),
    (_OF_IMAGES_PAST_WINDOWS, {"blocks_of": _BLOCKS_OF_TYPES}, PAST_WINDOWS),
)


@dataclass(frozen=True)
class BothWays:
    """Which tokens attend to one another.

    Attributes:
        kind: `image` or `prompt`.
        mask: what the mask is called that the text model is given.
        asked: the setting, of `self.config`, by which they do; empty where they always do.
        windows: what layers with a window let them see, by the argument that says so; empty where nothing needs to.
    """

    kind: str
    mask: str
    asked: str = ""
    windows: str = LIKE_OTHERS


def without_mask(file: ModelingFile, statements: Sequence[ast.stmt]) -> tuple[list[ast.stmt], BothWays | None]:
    """The statements without those that make a mask in a known way, and that way; None where there are none."""
    for start in range(len(statements)):
        for pattern in (_OF_PROMPT, *(way[0] for way in _WAYS)):
            length = len(pattern.statements)
            found = match(pattern, list(statements[start : start + length]), file.aliases)
            way = None if found is None else _way(file, pattern, found)
            if way is not None:
                return [*statements[:start], *statements[start + length :]], way
    return list(statements), None


def _way(file: ModelingFile, pattern: Pattern, found: Match) -> BothWays | None:
    """What statements do that match; None where the file's own functions, which they call, do something else."""
    if pattern is _OF_PROMPT:
        return BothWays("prompt", found.name("mask"))
    ((functions, windows),) = [(wanted, own) for start, wanted, own in _WAYS if start is pattern]
    if not all(_is(file, found.name(name), wanted) for name, wanted in functions.items()):
        return None
    return BothWays("image", found.name("mask"), "" if pattern is _OF_IMAGES else _ASKED, windows)


def _is(file: ModelingFile, name: str, wanted: Pattern) -> bool:
    """Whether a function of the file does what a pattern shows, and no decorator does more."""
    body = file.functions.get(name)
    if body is None or body.decorator_list:
        return False
    found = match(wanted, _said(body), file.aliases)
    if found is None:
        return False
    # One that makes blocks is called with the types alone, and their place is the first.
    makes_blocks = wanted in (_BLOCKS_OF, _BLOCKS_OF_TYPES)
    return not makes_blocks or parameters(body)[:1] == (found.spelled("types"),)


def _said(function: ast.FunctionDef) -> list[ast.stmt]:
    """The statements of a function, without what describes it."""
    first = function.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.body[1:] if is_text else function.body
