"""Every call from the causal LM to the attention passes position_ids, the cache and batch_index.

By these names, or inside upstream's own `**kwargs` where a part only hands them on.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import bind
from qeff_codegen.anatomy.roles import CALL_PATH, Role
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check
from rewrite_rules._functions import BETWEEN, carried_by_kwargs

PASSED = ("position_ids", "past_key_values", "batch_index")


class ArgumentsThreaded(Check):
    promise = (
        "Every call on the way from the causal LM to the attention passes position_ids, the cache and batch_index."
    )

    def broken(self, module: FinishedModule) -> list[Broken]:
        found: list[Broken] = []
        for role in CALL_PATH[:-1]:
            for part in module.anatomy.parts(role):
                forward = module.method(part.name, "forward")
                callees = module.anatomy.callees(role)
                calls = [
                    (node, callees[ast.unparse(node.func)])
                    for node in (ast.walk(forward) if forward is not None else ())
                    if isinstance(node, ast.Call) and ast.unparse(node.func) in callees
                ]
                if not calls:
                    found.append(Broken(f"`{part.name}` does not call the next part", part.forward.lineno))
                carried = carried_by_kwargs(forward, callees) if forward and role in BETWEEN else None
                for call, callee in calls:
                    target = module.method(callee.name, "forward")
                    bound = bind(call, target) if target is not None else {}
                    wanted = (*PASSED, "comp_ctx_lengths") if role is Role.CAUSAL_LM else PASSED
                    found += [
                        Broken(f"`{part.name}` calls `{ast.unparse(call.func)}` without {name}", generated=call.lineno)
                        for name in wanted
                        if (name not in bound and not (carried and carried(name)))
                        or (name in bound and ast.unparse(bound[name]) != name)
                    ]
        return found + _embeddings_without_positions(module)


def _embeddings_without_positions(module: FinishedModule) -> list[Broken]:
    model = module.method(module.anatomy.model.name, "forward")
    return [
        Broken(f"`{module.anatomy.model.name}` calls `{ast.unparse(node.func)}` without position_ids")
        for part in module.anatomy.embeddings
        for node in (ast.walk(model) if model is not None else ())
        if isinstance(node, ast.Call) and ast.unparse(node.func) in part.called_as
        if ast.unparse(bind(node, part.forward).get("position_ids") or node) != "position_ids"
    ]
