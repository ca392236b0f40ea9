"""Every call from the causal LM to the attention passes position_ids, the cache and batch_index.

By these names, or inside upstream's own `**kwargs` where a part only hands them on.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.handed_on import BETWEEN, carried_by_kwargs
from qeff_codegen.anatomy.modeling_file import bind
from qeff_codegen.anatomy.roles import CALL_PATH, INNERMOST, Role
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

PASSED = ("position_ids", "past_key_values", "batch_index")


class ArgumentsThreaded(Check):
    promise = (
        "Every call on the way from the causal LM to the attention passes position_ids, the cache and batch_index."
    )

    def broken(self, module: FinishedModule) -> list[Broken]:
        found: list[Broken] = []
        for role in CALL_PATH:
            for part in module.anatomy.parts(role):
                forward = module.method(part.name, "forward")
                callees = module.anatomy.callees(role)
                found_calls = module.anatomy.calls(role, forward) if forward is not None else []
                calls = [(call, callee) for call, parts in found_calls for callee in parts]
                if not calls and role not in INNERMOST:
                    found.append(Broken(f"`{part.name}` does not call the next part", part.forward.lineno))
                carried = carried_by_kwargs(forward, callees) if forward and role in BETWEEN else None
                for call, callee in calls:
                    target = module.method(callee.name, "forward")
                    bound = bind(call, target) if target is not None else {}
                    wanted = (*PASSED, "comp_ctx_lengths") if role is Role.CAUSAL_LM else PASSED
                    found += [
                        Broken(f"`{part.name}` calls `{spelled(call.func)}` without {name}", generated=call.lineno)
                        for name in wanted
                        if (name not in bound and not (carried and carried(name)))
                        or (name in bound and spelled(bound[name]) != name)
                    ]
        return found + _embeddings_without_positions(module)


def _embeddings_without_positions(module: FinishedModule) -> list[Broken]:
    model = module.method(module.anatomy.model.name, "forward")
    return [
        Broken(f"`{module.anatomy.model.name}` calls `{spelled(call.func)}` without position_ids")
        for part in module.anatomy.embeddings
        for call in find(ast.Call, model)
        if spelled(call.func) in part.called_as
        if spelled(bind(call, part.forward).get("position_ids") or call) != "position_ids"
    ]
