"""What older files make a mask of: the tokens' mask, and the numbers of new and cached tokens."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.lengths import Lengths
from qeff_codegen.anatomy.mask_form import CAUSAL
from qeff_codegen.patterns.match import match
from rewrite_rules.vocabulary import CACHE, pattern

TAKEN = ("attention_mask", "input_shape", "inputs_embeds", "past_key_values_length")
GIVEN = pattern("attention_mask")
SHAPE = pattern("{($batch, $new), [$batch, $new]}")
BUILT = f"{CAUSAL}(config=self.config, inputs_embeds={{states}}, attention_mask=attention_mask, {CACHE}={CACHE})"


def problem(given: dict[str, ast.expr], lengths: Lengths) -> str:
    """What of such arguments, by the names in `TAKEN`, may make another mask than the causal one; else empty."""
    if not {*TAKEN} <= given.keys():
        return "the mask is made without all it is made of"
    if match(GIVEN, given["attention_mask"]) is None:
        return f"the mask is made with another `attention_mask`: `{ast.unparse(given['attention_mask'])}`"
    shape, sizes = given["input_shape"], match(SHAPE, given["input_shape"])
    is_named = isinstance(shape, ast.Name) and shape.id in lengths.shapes
    if not is_named and (sizes is None or not lengths.counts_new(sizes["new"])):
        return f"the mask is made for another number of new tokens: `{ast.unparse(shape)}`"
    if not lengths.is_seen(given["past_key_values_length"]):
        seen = ast.unparse(given["past_key_values_length"])
        return f"the mask is made for another number of cached tokens: `{seen}`"
    return ""
