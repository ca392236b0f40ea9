"""Let attention be computed in blocks by the runtime's functions for it, where a blocking configuration asks for it.

QEfficient computes attention over blocks of keys, of queries and of heads by functions that write the cache as well.
Which blocks a module takes is put on it after it has taken over from upstream's; `__qeff_init__` gives it the
configuration that asks for none, and then nothing but upstream's way is taken, in an export too.

Those functions know a product of queries and keys, one scale, the causal mask and a softmax. An attention whose scores
are capped, biased or joined by a sink, or whose values have another width than its keys, stays as it is and takes no
notice of a blocking configuration: its results are right, and not computed in blocks. Neither does a layer that sees a
window only, since in an export the runtime's functions make a mask of their own, without one.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

import libcst as cst

from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.key_blocks import softmax_statement
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._matching import CACHE, assigned_name, source, statements_of, tree_of
from rewrite_rules._statements import text_of, with_body

INTERFACE = "generic_blocked_attention_interface"
CONFIGURATION, MODE = "AttentionBlockingConfig", "BlockingMode"
ATTRIBUTE = "attn_blocking_config"
PREPARE = f"def __qeff_init__(self):\n    self.{ATTRIBUTE} = {CONFIGURATION}()\n"
WINDOW = "sliding_window"
# In an attention's class or its function, what the runtime's functions do not compute.
NOT_IN_BLOCKS = ("softcap", "v_head_dim")
# Anywhere in the file: masks that see less than all that came before.
NARROWER = ("sliding", "attention_chunk")


class AttentionInBlocks(Rule):
    why = "The runtime has functions for attention in blocks; a module takes them when a configuration asks for it."
    roles = (Role.ATTENTION_FUNCTION, Role.ATTENTION)
    needs = (INTERFACE, CONFIGURATION, MODE)
    construct = (
        "`<key>, <value> = <cache>.update(<key>, <value>, ...)` and `<output>, <weights> = <interface>(self, <query>, "
        "<key>, <value>, <mask>, scaling=<scale>, ...)` with nothing else between them"
    )

    def apply(self, draft: Draft) -> None:
        plain = {
            function.name: "repeat_kv(" in source(function.node)
            for function in draft.of(Role.ATTENTION_FUNCTION)
            if function.owner is None
            and softmax_statement(tree_of(function.node)) is not None
            and not _mentions(source(function.node))
        }
        draft.matches[self.id] = 0
        for function in [item for item in draft.of(Role.ATTENTION) if item.is_forward]:
            found = _attended(function)
            if found is None or found.function not in plain:
                continue
            if not _in_form(draft, function, found, plain[found.function]):
                continue
            function.replace(_in_two_ways(function.node, found), self.id)
            assert function.owner is not None
            draft.add_method(function.owner, PREPARE, self.id)
            draft.matches[self.id] += 1


@dataclass(frozen=True)
class _Attended:
    """Where an attention writes the cache and attends.

    Attributes:
        first, last: the statements, as indices into the body.
        targets: what the attention function's results are called.
        function: its name.
        arguments: source text of query, key, value and scale.
        window: source text of what is None where a layer has no window; None for an attention that knows of none.
    """

    first: int
    last: int
    targets: str
    function: str
    arguments: tuple[str, str, str, str]
    window: str | None


def _attended(function: Function) -> _Attended | None:
    body = tree_of(function.node).body
    updates = [index for index, statement in enumerate(body) if f"{CACHE}.update(" in ast.unparse(statement)]
    if len(updates) != 1:
        return None
    first = updates[0]
    written = _written(body[first])
    named = assigned_name(statements_of(function.node.body)[first + 1])
    last = first + (1 if named is None else 2)
    call = body[last] if last < len(body) else None
    if not isinstance(call, ast.Assign) or not isinstance(call.value, ast.Call) or written is None:
        return None
    callee = ast.unparse(call.value.func)
    if named is not None and (named[0] != callee or not isinstance(named[1], cst.Name)):
        return None
    positional = [ast.unparse(item) for item in call.value.args]
    keywords = {item.arg: ast.unparse(item.value) for item in call.value.keywords if item.arg is not None}
    if positional != ["self", *positional[1:2], *written, MASK]:
        return None
    if not {"scaling"} <= set(keywords) <= {"scaling", WINDOW}:
        return None
    return _Attended(
        first,
        last,
        text_of(call).split(" = ")[0],
        callee if named is None else source(named[1]),
        (positional[1], *written, keywords["scaling"]),
        keywords.get(WINDOW),
    )


def _written(statement: ast.stmt) -> tuple[str, str] | None:
    """The names of key and value where a statement does nothing but write them to the cache, if there is one.

    They are taken back by the same names. A layer that writes under another condition, or does more beside it, is not
    in this form: attention in blocks would write always, and leave out what is beside it.
    """
    if isinstance(statement, ast.If):
        if ast.unparse(statement.test) != f"{CACHE} is not None" or statement.orelse:
            return None
        *before, statement = statement.body
        told = [ast.unparse(item.targets[0]) for item in before if isinstance(item, ast.Assign)]
        if told != ["cache_kwargs"] * len(before):
            return None
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return None
    if ast.unparse(statement.value.func) != f"{CACHE}.update" or not isinstance(statement.targets[0], ast.Tuple):
        return None
    key, value = (ast.unparse(item) for item in statement.value.args[:2])
    return (key, value) if [ast.unparse(item) for item in statement.targets[0].elts] == [key, value] else None


def _in_form(draft: Draft, function: Function, found: _Attended, repeats: bool) -> bool:
    """Whether the class itself has nothing that attention in blocks would leave out, and repeats keys as it does."""
    part = draft.anatomy.part(function.owner or "")
    if part is None or _mentions(ast.unparse(part.cls.node)):
        return False
    if found.window is None and any(word in draft.anatomy.file.upstream.source for word in NARROWER):
        return False
    return "config" in part.cls.assigned and ("num_key_value_groups" in part.cls.assigned) == repeats


def _mentions(text: str) -> bool:
    return any(word in text for word in NOT_IN_BLOCKS)


def _in_two_ways(node: cst.FunctionDef, found: _Attended) -> cst.FunctionDef:
    """The forward with upstream's statements as one way and the runtime's function as the other."""
    body = statements_of(node.body)
    query, key, value, scale = found.arguments
    window = found.window or ""
    # A choice by `if` and `else` would take the comparison for its last part.
    window = window if re.fullmatch(r"[\w.]+(\(.*\))?", window) else f"({window})"
    everything = "" if found.window is None else f" and {window} is None"
    choice = cst.ensure_type(
        cst.parse_statement(
            f"if self.{ATTRIBUTE}.mode != {MODE}.NONE{everything}:\n"
            f"    {found.targets} = {INTERFACE}(\n"
            f"        module=self, query={query}, key={key}, value={value}, attention_mask={MASK}, scaling={scale},\n"
            f"        layer_idx=self.layer_idx, past_key_value={CACHE}, blocking_config=self.{ATTRIBUTE},\n"
            # Only its last size is asked for: the mask has as many columns as attention reads slots.
            f"        comp_ctx_lengths={MASK}, batch_index=batch_index, position_ids=position_ids,\n"
            f"        past_seen_tokens={MASK}.shape[-1],\n"
            "    )\n"
            "else:\n"
            "    pass\n"
        ),
        cst.If,
    )
    own = body[found.first : found.last + 1]
    first = own[0]
    assert isinstance(first, cst.SimpleStatementLine | cst.BaseCompoundStatement)
    otherwise = cst.ensure_type(choice.orelse, cst.Else)
    kept = otherwise.body.with_changes(body=[first.with_changes(leading_lines=()), *own[1:]])
    choice = choice.with_changes(leading_lines=first.leading_lines, orelse=otherwise.with_changes(body=kept))
    return with_body(node, [*body[: found.first], choice, *body[found.last + 1 :]])
