"""Make the table of a linear bias once, where upstream's arithmetic for it has no place in the graph.

A bias that upstream computes in bfloat16 has to be rounded the way bfloat16 rounds, and the graph has no such numbers.
It depends on the key's slot alone, so upstream's own function makes it for every slot when the classes are exchanged,
and the graph reads as many columns as the context has slots.
"""

from __future__ import annotations

import ast
import re

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._matching import (
    assigned_name,
    names_bound,
    names_loaded,
    only_statement,
    source,
    without_assignments,
)

ARGUMENTS = re.compile(r"(\w+), (self\.\w+), dtype=inputs_embeds\.dtype")
# One row of slopes for every sequence, each slope times the number of tokens before the key.
RETURNED = r"return (\w+)\.reshape\(batch_size \* num_heads, 1, seq_length\)\.to\(dtype\)"
COUNTED = r"\w+ = \(\(attention_mask\.cumsum\(dim=-1\) - 1\) \* attention_mask\)\[:, None, :\]"
ALL_SLOTS = "(batch_size, target_length)"
ROUNDED = ".bfloat16()"
TABLE = "alibi_cached"
FOR_ALL_SLOTS = """def __qeff_init__(self):
    slots = torch.ones((1, self.config.max_position_embeddings), device=self.device, dtype=torch.long)
    self.register_buffer("{table}", {function}(slots, {heads}, dtype=torch.float32), persistent=False)
"""
READ = "self.{table}[:, :, :target_length].repeat(batch_size, 1, 1).to(inputs_embeds.dtype)"


class LinearBiasTable(Rule):
    why = "The graph has no bfloat16; upstream's own function makes the bias for all slots once, rounded its way."
    roles = (Role.MODEL,)
    construct = "`<bias> = <function>(<ones>, <heads>, dtype=inputs_embeds.dtype)`, computed in bfloat16"

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        for owner, call in _calls(draft.anatomy).items():
            function, heads = call
            source_text = FOR_ALL_SLOTS.format(table=TABLE, function=function, heads=heads)
            draft.add_method(owner, source_text, self.id)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        call = _calls(anatomy).get(function.owner or "")
        if not function.is_forward or call is None:
            return function.node, 0
        reader = _Read(call[0])
        node = cst.ensure_type(function.node.visit(reader), cst.FunctionDef)
        if not reader.count:
            raise Unmatched("the bias is not made for every slot of the context", function.node.params)
        return without_assignments(node, reader.ones - names_loaded(node)), reader.count


def _calls(anatomy: Anatomy) -> dict[str, tuple[str, str]]:
    """For a model that calls such a function: the function, and how the call spells the number of heads."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(anatomy.model.forward):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in anatomy.file.functions:
            continue
        name = ast.unparse(node.func)
        arguments = ARGUMENTS.fullmatch(ast.unparse(node).removeprefix(f"{name}(").removesuffix(")"))
        if arguments is not None and _rounds(anatomy.file.functions[name]):
            found[anatomy.model.name] = (name, arguments.group(2))
    return found


def _rounds(function: ast.FunctionDef) -> bool:
    """Whether a function rounds slopes times counted tokens to bfloat16, for every sequence by itself."""
    texts = [ast.unparse(item) for item in function.body]
    returned = re.fullmatch(RETURNED, texts[-1])
    if returned is None or "batch_size, seq_length = attention_mask.shape" not in texts:
        return False
    counted = [text.split(" = ")[0] for text in texts if re.fullmatch(COUNTED, text)]
    bias = rf"{returned.group(1)} = \w+\[\.\.\., None\]\.bfloat16\(\) \* (\w+)"
    product = [match.group(1) for text in texts if (match := re.fullmatch(bias, text))]
    return product == counted != [] and sum(ROUNDED in text for text in texts) == 1


def _is_ones(call: cst.Call) -> bool:
    """Whole numbers, as the table is made from: bfloat16 times float32 would not be rounded."""
    given = {item.keyword.value: source(item.value) for item in call.args if item.keyword is not None}
    made = source(call.func) == "torch.ones" and source(call.args[0].value) == ALL_SLOTS
    return made and given.get("dtype") == "torch.long"


class _Read(cst.CSTTransformer):
    def __init__(self, function: str) -> None:
        self.function = function
        self.ones: set[str] = set()
        self.count = 0

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        assigned, statement = assigned_name(updated_node), only_statement(updated_node)
        self.ones -= names_bound(updated_node)
        if assigned is None or not isinstance(statement, cst.Assign) or not isinstance(assigned[1], cst.Call):
            return updated_node
        if _is_ones(assigned[1]):
            self.ones.add(assigned[0])
        if source(assigned[1].func) != self.function or source(assigned[1].args[0].value) not in self.ones:
            return updated_node
        self.count += 1
        value = cst.parse_expression(READ.format(table=TABLE))
        return updated_node.with_changes(body=[statement.with_changes(value=value)])
