"""Answer upstream's question whether it is being compiled, or traced.

Some files leave out, under torch.compile, what only makes a default explicit, or copy a table for a tracer. The graph
is exported, and what upstream does in eager mode is the reference.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.engine.pattern_rule import FactsRule


class NotCompiling(FactsRule):
    why = "The graph is what upstream does in eager mode, so the question whether it is compiled is answered."
    roles = CALL_PATH
    facts = {"is_torchdynamo_compiling()": False, "is_torch_fx_proxy($_)": False, "torch.jit.is_tracing()": False}
