"""Names that stand for a kernel of another package where that is installed, and for None where it is not.

if is_causal_conv1d_available():
    from causal_conv1d import causal_conv1d_fn
else:
    causal_conv1d_fn = None
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.codemod.tree import find, spelled


def is_optional_kernel(name: str, file: ModelingFile) -> bool:
    """Whether a name of the file is imported under a condition, bound to None otherwise, and bound by nothing else."""
    bound = file.bindings.get(name, ())
    imported = [item for item in bound if item.is_import and not item.always]
    absent = [item for item in bound if isinstance(item.node, ast.Assign) and _is_nothing(item.node.value)]
    return len(imported) == len(absent) == 1 and len(bound) == 2 and not _is_bound_in_a_function(name, file)


def kernel_or_function(attribute: str, cls: ModelingClass, file: ModelingFile) -> str | None:
    """The function of the file that an attribute holds where there is no kernel: `self.x = kernel or function`."""
    value = _only_value(attribute, cls)
    if not isinstance(value, ast.BoolOp) or not isinstance(value.op, ast.Or) or len(value.values) != 2:
        return None
    kernel, function = map(spelled, value.values)
    return function if is_optional_kernel(kernel, file) and function in file.functions else None


def holds_kernel(attribute: str, cls: ModelingClass, file: ModelingFile) -> bool:
    """Whether an attribute holds a kernel, or None where there is none: `self.x = kernel`."""
    value = _only_value(attribute, cls)
    return isinstance(value, ast.Name) and is_optional_kernel(value.id, file)


def _only_value(attribute: str, cls: ModelingClass) -> ast.expr | None:
    values = cls.assigned.get(attribute, ())
    return values[0] if len(values) == 1 else None


def _is_nothing(value: ast.expr) -> bool:
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    return all(isinstance(item, ast.Constant) and item.value is None for item in items)


def _is_bound_in_a_function(name: str, file: ModelingFile) -> bool:
    return any(name in node.names for node in find(ast.Global, file.tree))
