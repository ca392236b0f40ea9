"""Attention functions whose result over all keys can be put together from their results over blocks of keys.

Up to the softmax every score is a matter of one query and one key; after it there is one product with the values.
What else a function might do with the scores of all keys, such as adding a sink to them, is not in this form.
"""

from __future__ import annotations

import ast

from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

_SPELLINGS = {
    "QUERY": "{query, query.float(), query.to(torch.float32)}",
    "KEYS": "{$k.float(), $k.to(torch.float32), $k}",
    "TURNED": "{$KEYS.transpose(2, 3), $KEYS.transpose(-1, -2)}",
    "SOFTMAX": "{{nn.functional.softmax, torch.softmax}($s, dim=-1),"
    " {nn.functional.softmax, torch.softmax}($s, dim=-1, dtype=torch.float32)}",
    "NORMALISED": "{$SOFTMAX, $SOFTMAX.to($_), $SOFTMAX.type($_)}",
    "WEIGHTS": "{$s, $s.to($_), $s.type($_)}",
    "MASKED": "{$s + attention_mask, torch.where(attention_mask, MIN_MASKED_ATTENTION_VALUE, $s)}",
}
# What may stand before the softmax, statement by statement: nothing in it reads the scores of two keys together.
_BEFORE = tuple(
    Pattern(text, _SPELLINGS)
    for text in (
        "if scaling is None:\n    scaling = {query.size(-1), query.shape[-1], module.head_dim} ** -0.5",
        "$_ = repeat_kv({key, value}, module.num_key_value_groups)",
        "$_ = torch.matmul($QUERY, $TURNED) * scaling",
        "if softcap is not None:\n    $s = $s / softcap\n    $s = torch.tanh($s)\n    $s = $s * softcap",
        "$s = $MASKED",
        "if attention_mask is not None:\n    $s = $MASKED",
    )
)
# The softmax and all that follows it.
_TO_THE_END = tuple(
    Pattern(
        f"$s = $NORMALISED\n{cast}$o = torch.matmul($WEIGHTS, $v)\n"
        "$o = {$o.transpose(1, 2), $o.transpose(1, 2).contiguous()}\nreturn $o, $s",
        _SPELLINGS,
    )
    for cast in ("", "$s = {$s.to($_), $s.type($_)}\n")
)


def softmax_statement(function: ast.FunctionDef) -> tuple[int, str] | None:
    """Where an attention function normalises its scores, as an index into its body, and the name of the scores.

    None for a function that is not in the form that allows blocks of keys.
    """
    first = 0 if ast.get_docstring(function) is None else 1
    for index in range(first, len(function.body)):
        ended = (match(pattern, function.body[index:]) for pattern in _TO_THE_END)
        found = next(filter(_binds_names, ended), None)
        if found is not None:
            before = function.body[first:index]
            known = all(any(_binds_names(match(pattern, item)) for pattern in _BEFORE) for item in before)
            return (index, ast.unparse(found["s"])) if known else None
    return None


def _binds_names(found: Match | None) -> bool:
    """Whether a pattern matches and all its placeholders stand for names: what is computed may read several keys."""
    return found is not None and all(isinstance(node, ast.Name) for node in found.bound.values())
