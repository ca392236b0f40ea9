"""Hand a layer its mask, where upstream hands it a dictionary of that mask and the one of pads.

Such layers also keep a state. They are told of pads by `position_ids`, so of the dictionary only the mask is left that
the attention masks its scores with, and it is handed on under the name that it has everywhere.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.attention_functions import MASK, masks_in_dictionary
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, read_instead
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all
from rewrite_rules.vocabulary import pattern

TABLE = pattern(f"{MASK} or {{}}")


class MaskByItself(Rule):
    why = "A layer is given one mask, that of its attention; pads are told by `position_ids`."
    roles = (Role.MODEL, Role.DECODER_LAYER, Role.ATTENTION)
    names = (MASK,)
    construct = (
        f"`{MASK}={{$key: $mask, ...}}` in the call of a layer, and `{TABLE}` in its attention, of which one entry "
        "masks the scores"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        keys = {key for part in anatomy.parts(Role.ATTENTION) for key in _keys(part, anatomy)}
        if not function.is_forward or not keys:
            return code, 0
        if len(keys) != 1:
            raise Unmatched(f"the attentions take several entries of a dictionary of masks: {sorted(keys)}", code.tree)
        if function.role is Role.ATTENTION:
            return _taken_as_it_is(code, anatomy, *keys)
        if function.role is Role.DECODER_LAYER:
            return _said_to_be_a_tensor(Edits(code)).done(), 1
        return _handed_alone(code, anatomy, *keys)


def _keys(part: Part, anatomy: Anatomy) -> set[str]:
    """The keys of what an attention takes out of a dictionary of masks and hands to no state mixer."""
    handed = _handed_to_mixers(part.forward, anatomy)
    return {key for name, key in masks_in_dictionary(part.forward).items() if name not in handed}


def _handed_to_mixers(forward: ast.FunctionDef, anatomy: Anatomy) -> set[str]:
    """Names that an attention hands to its state mixers as they are."""
    calls = [call for call, _ in anatomy.calls(Role.ATTENTION, forward)]
    given = [item for call in calls for item in (*call.args, *(keyword.value for keyword in call.keywords))]
    return {item.id for item in given if isinstance(item, ast.Name)}


def _taken_as_it_is(code: Code, anatomy: Anatomy, key: str) -> tuple[Code, int]:
    """An attention that is given its mask and not a dictionary."""
    entries = masks_in_dictionary(code.tree)
    if not entries:
        return code, 0
    tables = find_all(TABLE, code)
    uses = [node for node in code.nodes(ast.Name) if node.id == MASK]
    if len(tables) != 1 or len(uses) != 1:
        raise Unmatched("the attention does more with a dictionary of masks than to take some out", code.tree)
    edits = Edits(code)
    for name in [name for name, other in entries.items() if other == key]:
        read_instead(edits, name, MASK)
    handed = _handed_to_mixers(code.tree, anatomy)
    for node in code.nodes(ast.Assign):
        name = (assigned(node) or ("",))[0]
        if name in entries and entries[name] != key and name in handed:
            edits.replace(node.value, "None")
        elif node.value is tables[0].node or name in entries:
            edits.remove(node)
    return _said_to_be_a_tensor(edits).done(), 1


def _said_to_be_a_tensor(edits: Edits) -> Edits:
    """The annotation of the mask says what it is now."""
    for item in edits.code.nodes(ast.arg):
        if item.arg == MASK and item.annotation is not None:
            edits.replace(item.annotation, "torch.Tensor | None")
    return edits


def _handed_alone(code: Code, anatomy: Anatomy, key: str) -> tuple[Code, int]:
    """A model that hands its layers their mask and not a dictionary."""
    edits, count = Edits(code), 0
    for call, _ in anatomy.calls(Role.MODEL, code.tree):
        given = [item.value for item in call.keywords if item.arg == MASK]
        table = given[0] if len(given) == 1 else None
        pairs = zip(table.keys, table.values, strict=True) if isinstance(table, ast.Dict) else ()
        masks = [value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key]
        if table is None or len(masks) != 1:
            raise Unmatched(f"a layer is handed no dictionary with `{key}`, which its attention takes out of it", call)
        edits.replace(table, edits.text_of(masks[0]))
        # What is said above the call is said of the dictionary.
        statement = code.statement_of(call)
        edits.replace_above(statement, [line for line in edits.above(statement) if not line])
        count += 1
    return edits.done(), count
