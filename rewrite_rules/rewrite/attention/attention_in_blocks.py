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
from dataclasses import dataclass

from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.key_blocks import softmax_statement
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits, block_text
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.vocabulary import CACHE, pattern

INTERFACE = "generic_blocked_attention_interface"
CONFIGURATION, MODE = "AttentionBlockingConfig", "BlockingMode"
ATTRIBUTE = "attn_blocking_config"
PREPARE = f"def __qeff_init__(self):\n    self.{ATTRIBUTE} = {CONFIGURATION}()\n"
WINDOW = "sliding_window"
# In an attention's class or its function, what the runtime's functions do not compute.
NOT_IN_BLOCKS = ("softcap", "v_head_dim")
# Anywhere in the file: masks that see less than all that came before.
NARROWER = ("sliding", "attention_chunk")


# The cache is written, in a branch of its own or not, and the attention function called, by a name or not.
WRITTEN = pattern(f"$key, $value = {CACHE}.update($key, $value, ...)")
WRITTEN_IF_THERE = tuple(
    pattern(f"if {CACHE} is not None:\n{told}    $key, $value = {CACHE}.update($key, $value, ...)")
    for told in ("", "    cache_kwargs = $_\n")
)
NAMED = pattern("$function = $interface")
CALLS = tuple(
    pattern(f"$taken = $function(self, $query, $key, $value, {MASK}, scaling=$scale{further})")
    for further in ("", ", **$_", ", sliding_window=$window", ", sliding_window=$window, **$_")
)


class AttentionInBlocks(Rule):
    why = "The runtime has functions for attention in blocks; a module takes them when a configuration asks for it."
    roles = (Role.ATTENTION_FUNCTION, Role.ATTENTION)
    needs = (INTERFACE, CONFIGURATION, MODE)
    construct = f"`{WRITTEN}` and `{CALLS[0]}` with nothing else between them"

    def apply(self, draft: Draft) -> None:
        plain = {
            function.name: "repeat_kv" in function.code.names
            for function in draft.of(Role.ATTENTION_FUNCTION)
            if function.owner is None
            and softmax_statement(function.code.tree) is not None
            and not _mentions(function.code.text)
        }
        draft.matches[self.id] = 0
        for function in [item for item in draft.of(Role.ATTENTION) if item.is_forward]:
            found = _attended(function.code)
            if found is None or found.function not in plain:
                continue
            if not _in_form(draft, function, found, plain[found.function]):
                continue
            function.replace(_in_two_ways(function.code, found), self.id)
            assert function.owner is not None
            draft.add_method(function.owner, PREPARE, self.id)
            draft.matches[self.id] += 1


@dataclass(frozen=True)
class _Attended:
    """Where an attention writes the cache and attends.

    Attributes:
        own: the statements.
        bound: what the patterns bound; `$window` is None where a layer has no window, and missing in an attention
            that knows of none.
        function: the attention function's name.
    """

    own: list[ast.stmt]
    bound: Match
    function: str

    def text(self, name: str) -> str:
        """What a placeholder stands for, as source."""
        return ast.unparse(self.bound[name])


def _attended(code: Code) -> _Attended | None:
    """Where the cache is written and the attention function called, one right after the other."""
    updates = [node for node in code.nodes(ast.Call) if ast.unparse(node.func) == f"{CACHE}.update"]
    written = [
        (index, found)
        for index, statement in enumerate(code.body)
        for form in (WRITTEN, *WRITTEN_IF_THERE)
        if (found := match(form, statement, code.aliases)) is not None
    ]
    if len(updates) != 1 or len(written) != 1:
        return None
    first, cached = written[0]
    named = match(NAMED, code.body[first + 1], code.aliases)
    named = named if named is not None and isinstance(named["interface"], ast.Name) else None
    last = first + (1 if named is None else 2)
    called = (match(form, code.body[last], code.aliases) for form in CALLS if last < len(code.body))
    call = next(filter(None, called), None)
    if call is None or any(ast.unparse(call[name]) != ast.unparse(cached[name]) for name in ("key", "value")):
        return None
    function = ast.unparse(call["function"])
    if named is not None and ast.unparse(named["function"]) != function:
        return None
    own = code.body[first : last + 1]
    return _Attended(own, call, function if named is None else ast.unparse(named["interface"]))


def _in_form(draft: Draft, function: Function, found: _Attended, repeats: bool) -> bool:
    """Whether the class itself has nothing that attention in blocks would leave out, and repeats keys as it does."""
    part = draft.anatomy.part(function.owner or "")
    if part is None or _mentions(ast.unparse(part.cls.node)):
        return False
    if "window" not in found.bound.bound and any(word in draft.anatomy.file.upstream.source for word in NARROWER):
        return False
    return "config" in part.cls.assigned and ("num_key_value_groups" in part.cls.assigned) == repeats


def _mentions(text: str) -> bool:
    return any(word in text for word in NOT_IN_BLOCKS)


def _in_two_ways(code: Code, found: _Attended) -> Code:
    """The forward with upstream's statements as one way and the runtime's function as the other."""
    edits = Edits(code)
    everything = ""
    if "window" in found.bound.bound:
        # A choice by `if` and `else` would take the comparison for its last part.
        is_plain = isinstance(found.bound["window"], ast.Name | ast.Attribute | ast.Call)
        window = found.text("window") if is_plain else f"({found.text('window')})"
        everything = f" and {window} is None"
    first, *others = found.own
    own = [edits.statement_text(first), *(edits.statement_with_comments(item) for item in others)]
    taken = found.text("taken").removeprefix("(").removesuffix(")")
    choice = (
        f"if self.{ATTRIBUTE}.mode != {MODE}.NONE{everything}:\n"
        f"    {taken} = {INTERFACE}(\n"
        f"        module=self, query={found.text('query')}, key={found.text('key')}, value={found.text('value')},\n"
        f"        attention_mask={MASK}, scaling={found.text('scale')},\n"
        f"        layer_idx=self.layer_idx, past_key_value={CACHE}, blocking_config=self.{ATTRIBUTE},\n"
        # Only its last size is asked for: the mask has as many columns as attention reads slots.
        f"        comp_ctx_lengths={MASK}, batch_index=batch_index, position_ids=position_ids,\n"
        f"        past_seen_tokens={MASK}.shape[-1],\n"
        "    )\n"
        "else:\n"
    )
    edits.replace_statements(found.own, choice + block_text(own))
    return edits.done()
