"""Build the mask from `position_ids` alone.

Upstream's mask builders look at the attention mask, the cache and the attention implementation; the graph has only
`position_ids`, and a context whose length is that of the cache (or of `comp_ctx_lengths`, when only part of the
context is read). Builders for a window and for chunks take their size from the configuration, as upstream's do; a
window that no mask has, and only upstream's cache, must be as long as all positions.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import MASK
from qeff_codegen.anatomy.mask_form import MaskForm, mask_builders, mask_form
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.bindings import bindings
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, drop_assignments, drop_overwritten, names_in
from qeff_codegen.codemod.tree import walk
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Expect, Rule, Unmatched
from qeff_codegen.patterns.match import changed_name, find_all, match
from rewrite_rules.normalize.padding.no_attention_mask import is_mask
from rewrite_rules.rewrite.masks._window_of_cache import ALL_SEEN, cache_forgets
from rewrite_rules.vocabulary import CACHE, pattern

FULL, WINDOWED = "create_causal_mask", "create_sliding_window_causal_mask"
CHUNKED = "create_chunked_causal_mask"
# What these builders take that is covered by position_ids and the cache, and what it must be to be covered. Anything
# else changes the mask.
ANYTHING = pattern("$_")
UNDERSTOOD = {
    "config": pattern("self.config"),
    # Only the size, the dtype and the device are asked for.
    "inputs_embeds": ANYTHING,
    "input_embeds": ANYTHING,
    MASK: pattern(f"{{{MASK}, None}}"),
    # Only how many tokens it holds is asked for, and with another number upstream's own mask would not fit.
    "past_key_values": ANYTHING,
    "cache": ANYTHING,
    # Only whether sequences are packed is asked for, where there is neither a mask nor a cache.
    "position_ids": ANYTHING,
    "cache_position": pattern("{cache_position, position_ids}"),
    # Whether the builder may leave the mask out and trust a kernel's own causal masking.
    "allow_is_causal_skip": ANYTHING,
}
# A further condition that always holds and only forces upstream to build a mask.
ALSO, ALWAYS = "and_mask_function", pattern("lambda *$_: torch.tensor(True, dtype=torch.bool)")
CHOICE = pattern(f"$builder = {FULL} if self.config.sliding_window is None else {WINDOWED}")
COPY = pattern("{$arguments.copy(), $arguments}")
KEY_ADDED = pattern("$arguments[$key] = $value")
MADE_BOOLEAN = pattern("$mask.to(torch.bool)")

# Locals with the names and values of keywords.
Keywords = dict[str, list[tuple[str, ast.expr]]]

LENGTH = "target_length"
CONTEXT = f"{LENGTH} = {CACHE}.get_seq_length() if comp_ctx_lengths is None else comp_ctx_lengths.shape[-1]"
GIVEN = f"position_ids=position_ids, {LENGTH}={LENGTH}"
MADE = {
    FULL: f"_create_causal_mask({GIVEN})",
    WINDOWED: f"_create_causal_mask({GIVEN}, sliding_window=self.config.sliding_window)",
    CHUNKED: f"_create_chunked_causal_mask({GIVEN}, chunk_size=self.config.attention_chunk_size)",
}


class MaskFromPositionIds(Rule):
    why = "`position_ids` alone decides what may be attended to; the mask covers the preallocated context."
    roles = (Role.MODEL,)
    expect = Expect.AT_LEAST_ONE
    construct = f"`$mask = {FULL}(config=$_, attention_mask=$_, position_ids=$_)`, `{WINDOWED}(...)`, `{CHUNKED}(...)`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        arguments = _arguments(code)
        chosen = find_all(CHOICE, code)
        choices = {found.spelled("builder") for found in chosen}
        bound = [node.id for node in code.nodes(ast.Name) if isinstance(node.ctx, ast.Store)]
        if (
            other := next((found for found in chosen if bound.count(found.spelled("builder")) != 1), None)
        ) is not None:
            raise Unmatched("a builder of masks is chosen in more than one way", other.node)
        builders = mask_builders(anatomy.file) | choices
        made_boolean = find_all(MADE_BOOLEAN, code) if mask_form(anatomy) is MaskForm.FILLED else []
        whole = {found["mask"]: found.expression for found in made_boolean}
        calls = [node for node in code.nodes(ast.Call) if isinstance(node.func, ast.Name) and node.func.id in builders]
        edits = Edits(code)
        for call in calls:
            _refuse_other_tokens(code, call)
            edits.replace(whole.get(call, call), _made(call, choices, arguments))
        if not calls:
            # Without attention nothing is masked.
            return code, int(not anatomy.parts(Role.ATTENTION))
        if WINDOWED not in code.names and cache_forgets(code, anatomy):
            edits.insert_under_gap(code.statement_of(calls[0]), ALL_SEEN)
        for found in chosen:
            edits.remove(code.statement_of(found.node))
        return _say_context(_without_unread(edits.done(), set(arguments))), len(calls)


def _arguments(code: Code) -> Keywords:
    """Locals that hold keyword arguments for the builders, with these, each with all that it may be."""
    found: Keywords = {}
    for node in code.nodes(ast.Assign):
        named, added = assigned(node), match(KEY_ADDED, node)
        if added is not None and added.spelled("arguments") in found:
            found[added.spelled("arguments")].append((_text(added["key"]), added["value"]))
        elif named is not None and isinstance(named[1], ast.Dict):
            pairs = [(_text(key), value) for key, value in zip(named[1].keys, named[1].values, strict=True)]
            if all(key for key, _ in pairs):
                found[named[0]] = found.get(named[0], []) + pairs
        elif named is not None and (copied := match(COPY, named[1])) is not None:
            if copied.spelled("arguments") in found:
                found[named[0]] = found.get(named[0], []) + found[copied.spelled("arguments")]
    return {name: pairs for name, pairs in found.items() if not _is_filled_otherwise(name, code)}


def _is_filled_otherwise(name: str, code: Code) -> bool:
    """Whether a dictionary is bound to more than was looked at, or goes where it may be given further keys."""
    for node in [item for item in code.nodes(ast.Name) if item.id == name]:
        holder = code.parent(node)
        if isinstance(holder, ast.Assign):
            values = (holder.value,) if isinstance(node.ctx, ast.Store) else ()
            known = all(isinstance(value, ast.Dict) or match(COPY, value) is not None for value in values)
        elif isinstance(holder, ast.Subscript):
            known = holder.value is node and match(KEY_ADDED, code.statement_of(node)) is not None
        else:
            is_spread = isinstance(holder, ast.keyword) and holder.arg is None
            known = is_spread or (isinstance(holder, ast.Attribute) and holder.attr == "copy")
        if not known:
            return True
    return False


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _made(call: ast.Call, choices: set[str], arguments: Keywords) -> str:
    """The mask from positions that takes the place of a builder's."""
    name = ast.unparse(call.func)
    made = MADE.get(WINDOWED if name in choices else name)
    if made is None:
        raise Unmatched(f"`{name}` builds a mask that has no rule", call)
    # A positional or unknown spread argument has no understood name.
    passed = [(ast.unparse(item), item) for item in call.args]
    for item in call.keywords:
        if item.arg is None:
            passed += arguments.get(ast.unparse(item.value), [(ast.unparse(item.value), item.value)])
        elif item.arg != ALSO or match(ALWAYS, item.value) is None:
            passed.append((item.arg, item.value))
    unknown = {name for name, _ in passed} - UNDERSTOOD.keys()
    if unknown:
        raise Unmatched(f"the mask also depends on `{min(unknown)}`", call)
    for keyword, value in passed:
        if match(UNDERSTOOD[keyword], value) is None:
            raise Unmatched(f"the mask is made with another `{keyword}`: `{ast.unparse(value)}`", value)
    return made


def _refuse_other_tokens(code: Code, call: ast.Call) -> None:
    """Refuse a mask of the tokens that upstream makes or changes itself, before it builds a mask with it."""
    made = [item for item in bindings(code.tree) if item.name == MASK and item.value is not None]
    known = {id(item.node) for item in made if item.value is not None and is_mask(item.value)}
    for node in walk(code.tree):
        if not isinstance(node, ast.expr) or changed_name(node) != MASK or node.lineno >= call.lineno:
            continue
        if id(code.statement_of(node)) not in known:
            raise Unmatched("the mask of the tokens is made or changed by the model itself", code.statement_of(node))


def _without_unread(code: Code, arguments: set[str]) -> Code:
    """Without what upstream made for the builders alone: their arguments, and the mask of the tokens."""
    while unread := (arguments | {MASK}) & code.names_bound - code.names_loaded:
        edits = Edits(code)
        if not drop_assignments(edits, unread):
            break
        code = edits.done()
    edits = Edits(code)
    drop_overwritten(edits, MASK)
    return edits.done()


def _say_context(code: Code) -> Code:
    """Put the context length before the first statement of the body that needs it."""
    edits = Edits(code)
    edits.insert_under_gap(next(item for item in code.body if LENGTH in names_in(item)), CONTEXT)
    return edits.done()
