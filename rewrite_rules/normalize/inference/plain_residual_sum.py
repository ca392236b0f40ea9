"""Write the sum itself where a helper of the file drops out and then adds the residual.

Without dropout, `dropout_add(x, residual, p, training)` is `residual + x`.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import bind, parameters
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import Match, match
from rewrite_rules.vocabulary import pattern

HELPER = pattern("""
$out = nn.functional.dropout($x, ..., training=$training)
$out = $residual + $out
return $out
""")
OFF = pattern("{self.training, False}")


class PlainResidualSum(Rule):
    why = "Dropout is the identity at inference, which leaves a sum."
    roles = CALL_PATH
    construct = f"a call of a function whose body is `{'; '.join(HELPER.text.splitlines())}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        local = code.names_bound.union(code.parameters)
        edits = Edits(code)
        count = 0
        for call in reversed(code.nodes(ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            helper = anatomy.file.functions.get(name) if name not in local else None
            summands = None if helper is None else _summands(helper, code)
            if helper is None or summands is None or any(isinstance(item, ast.Starred) for item in call.args):
                continue
            given = bind(call, helper)
            left, right, switch = (given.get(item) for item in summands)
            if left is not None and right is not None and switch is not None and match(OFF, switch) is not None:
                edits.replace(call, f"({_operand(edits, left)} + {_operand(edits, right)})")
                count += 1
        return edits.done(), count


def _summands(helper: ast.FunctionDef, code: Code) -> tuple[str, str, str] | None:
    """The two parameters that a helper adds, in the order of the sum, when that is all it does at inference.

    The third is the parameter that says whether dropout is on.
    """
    found: Match | None = None if helper.decorator_list else match(HELPER, helper.body, code.aliases)
    if found is None:
        return None
    taken = [found[name] for name in ("residual", "x", "training")]
    left, right, switch = (ast.unparse(item) for item in taken)
    is_known = {left, right, switch} <= set(parameters(helper)) and left != ast.unparse(found["out"])
    return (left, right, switch) if is_known else None


def _operand(edits: Edits, value: ast.expr) -> str:
    """An argument's text as it may stand beside an operator."""
    text = edits.text_of(value)
    return text if isinstance(value, (ast.Name, ast.Attribute, ast.Call)) else f"({text})"
