"""Take off what upstream hangs on a helper function, where the function is copied and not imported.

Such a decorator puts a kernel in the function's place, or compiles it: what it computes is the function's own. One
that is not known here stays, and is refused with the finished module.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.signatures import drop_decorators
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.emit import steps
from qeff_codegen.engine.draft import Function

# By what they are imported as.
_FASTER = {
    "use_kernel_forward_from_hub": "transformers.integrations",
    "use_kernel_func_from_hub": "transformers.integrations",
    "torch.compile": "torch",
    "torch.jit.script": "torch",
    "torch.jit.script_if_tracing": "torch",
}


def undecorate(function: Function, file: ModelingFile) -> None:
    """Take the decorators off a helper function that only make it faster."""
    gone = [item for item in function.code.tree.decorator_list if _only_faster(item, file)]
    if gone:
        edits = Edits(function.code)
        drop_decorators(edits, gone)
        function.replace(edits.done(), steps.UNDECORATED.id)


def _only_faster(decorator: ast.expr, file: ModelingFile) -> bool:
    name = spelled(decorator.func if isinstance(decorator, ast.Call) else decorator)
    first = name.split(".")[0]
    module, _ = file.imports.get(first, ("", None))
    return name in _FASTER and (module + ".").startswith(_FASTER[name] + ".")
