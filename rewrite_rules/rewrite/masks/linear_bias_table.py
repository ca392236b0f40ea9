"""Make the table of a linear bias once, where upstream's arithmetic for it has no place in the graph.

A bias that upstream computes in bfloat16 has to be rounded the way bfloat16 rounds, and the graph has no such numbers.
It depends on the key's slot alone, so upstream's own function makes it for every slot when the classes are exchanged,
and the graph reads as many columns as the context has slots.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, find_in, match
from rewrite_rules.vocabulary import pattern

MADE = pattern("$function($ones, $heads, dtype=inputs_embeds.dtype)")
# Whole numbers, as the table is made from: bfloat16 times float32 would not be rounded.
MADE_FOR_ALL_SLOTS = pattern("""
$ones = torch.ones((batch_size, target_length), ..., dtype=torch.long)
...
$_ = $function($ones, ...)
""")
# One row of slopes for every sequence, each slope times the number of tokens before the key.
IN_BFLOAT16 = pattern("""
...
$batch, $length = $mask.shape
...
$counted = (($mask.cumsum(dim=-1) - 1) * $mask)[:, None, :]
...
$bias = $_[..., None].bfloat16() * $counted
return $bias.reshape($batch * $_, 1, $length).to(dtype)
""")
TO_BFLOAT16 = pattern("$_.bfloat16()")
TABLE = "alibi_cached"
FOR_ALL_SLOTS = f"""def __qeff_init__(self):
    slots = torch.ones((1, self.config.max_position_embeddings), device=self.device, dtype=torch.long)
    self.register_buffer("{TABLE}", {{function}}(slots, {{heads}}, dtype=torch.float32), persistent=False)
"""
READ = f"self.{TABLE}[:, :, :target_length].repeat(batch_size, 1, 1).to(inputs_embeds.dtype)"


class LinearBiasTable(Rule):
    why = "The graph has no bfloat16; upstream's own function makes the bias for all slots once, rounded its way."
    roles = (Role.MODEL,)
    construct = f"`{MADE}`, `$ones` being a mask of ones for all slots and `$function` computing in bfloat16"

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        made = _made(draft.anatomy)
        if made is not None:
            text = FOR_ALL_SLOTS.format(function=made.spelled("function"), heads=made.spelled("heads"))
            draft.add_method(draft.anatomy.model.name, text, self.id)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        made = _made(anatomy) if function.is_forward else None
        if made is None:
            return code, 0
        edits = Edits(code)
        read = [found for found in find_all(MADE_FOR_ALL_SLOTS, code) if _is_named(found, made.spelled("function"))]
        for found in read:
            ones, statement = found.nodes[0], found.nodes[-1]
            assert isinstance(ones, ast.Assign) and isinstance(statement, ast.Assign)
            edits.replace(statement.value, READ)
            loads = [node for node in code.nodes(ast.Name) if node.id == found.spelled("ones")]
            if len(loads) == 2:
                edits.remove(ones)
        if not read:
            raise Unmatched("the bias is not made for every slot of the context", code.tree)
        return edits.done(), len(read)


def _is_named(found: Match, function: str) -> bool:
    return found.are_names("ones") and found.spelled("function") == function


def _made(anatomy: Anatomy) -> Match | None:
    """Where the model calls a function of the file that rounds to bfloat16."""
    functions = anatomy.file.functions
    for found in find_in(MADE, anatomy.model.forward):
        function = functions.get(found.spelled("function"))
        if function is not None and self_attribute(found["heads"]) is not None and _is_in_bfloat16(function):
            return found
    return None


def _is_in_bfloat16(function: ast.FunctionDef) -> bool:
    """Whether a function rounds slopes times counted tokens to bfloat16, for every sequence by itself."""
    return match(IN_BFLOAT16, function.body) is not None and len(list(find_in(TO_BFLOAT16, function))) == 1
