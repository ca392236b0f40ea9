"""Attention functions whose result over all keys can be put together from their results over blocks of keys.

Up to the softmax every score is a matter of one query and one key; after it there is one product with the values.
What else a function might do with the scores of all keys, such as adding a sink to them, is not in this form.
"""

from __future__ import annotations

import ast
import re

_NAME = r"[A-Za-z_]\w*"
_WIDER = r"(?:\.float\(\)|\.to\(torch\.float32\))?"
_CAST = r"(?:\.(?:to|type)\([\w.]+\))?"
# What may stand before the softmax, statement by statement: nothing in it reads the scores of two keys together.
_BEFORE = tuple(
    re.compile(pattern)
    for pattern in (
        r"if scaling is None: scaling = [\w.()-]+ \*\* \(?-0\.5\)?",
        rf"{_NAME} = repeat_kv\((?:key|value), module\.num_key_value_groups\)",
        rf"{_NAME} = torch\.matmul\(query{_WIDER}, {_NAME}{_WIDER}\.transpose\((?:2, 3|-1, -2)\)\) \* scaling",
        r"if softcap is not None: (?P<s>\w+) = (?P=s) / softcap; (?P=s) = torch\.tanh\((?P=s)\); "
        r"(?P=s) = (?P=s) \* softcap",
        rf"(?:if attention_mask is not None: )?(?P<w>{_NAME}) = "
        r"(?:(?P=w) \+ attention_mask|torch\.where\(attention_mask, MIN_MASKED_ATTENTION_VALUE, (?P=w)\))",
    )
)
_SOFTMAX = re.compile(
    rf"(?P<scores>{_NAME}) = (?:nn\.functional|torch|F)\.softmax\((?P=scores), dim=-1(?:, dtype=torch\.float32)?\)"
    + _CAST
)


def softmax_statement(function: ast.FunctionDef) -> tuple[int, str] | None:
    """Where an attention function normalises its scores, as an index into its body, and the name of the scores.

    None for a function that is not in the form that allows blocks of keys.
    """
    texts = [_flat(statement) for statement in function.body]
    places = [(index, match["scores"]) for index, text in enumerate(texts) if (match := _SOFTMAX.fullmatch(text))]
    if len(places) != 1:
        return None
    index, scores = places[0]
    before = texts[1:index] if ast.get_docstring(function) is not None else texts[:index]
    if not all(any(pattern.fullmatch(text) for pattern in _BEFORE) for text in before):
        return None
    return places[0] if _is_product_with_values(texts[index + 1 :], scores) else None


def _is_product_with_values(texts: list[str], scores: str) -> bool:
    if texts and re.fullmatch(rf"{scores} = {scores}\.(?:to|type)\([\w.]+\)", texts[0]):
        texts = texts[1:]
    if len(texts) != 3:
        return False
    product = re.fullmatch(rf"({_NAME}) = torch\.matmul\({scores}{_CAST}, {_NAME}\)", texts[0])
    if product is None:
        return False
    output = product[1]
    moved = rf"{output} = {output}\.transpose\(1, 2\)(?:\.contiguous\(\))?"
    return bool(re.fullmatch(moved, texts[1])) and texts[2] == f"return ({output}, {scores})"


def _flat(statement: ast.stmt) -> str:
    """A statement on one line."""
    if isinstance(statement, ast.If) and not statement.orelse:
        return f"if {ast.unparse(statement.test)}: {'; '.join(map(ast.unparse, statement.body))}"
    return ast.unparse(statement)
