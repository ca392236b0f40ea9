"""Upstream's functions on states, known by their text.

Every file has its own copy of them, one text in all, in two forms: for one token and for many. A copy that computes
something else would be called alike, so what counts is what stands in it, the functions that it calls included;
layout, comments, annotations and decorators aside.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.codemod.tree import find, spelled, statements_of


@dataclass(frozen=True)
class StateFunction:
    """What a function computes.

    Attributes:
        computes: the runtime's function that computes the same.
        one_token: whether it is the form for one token.
    """

    computes: str
    one_token: bool = False


# What puts a kernel in the place of a function, on devices that have one.
DECORATORS = {"use_kernel_func_from_hub_with_fallback"}
CONVOLUTION = "causal_conv1d"
# The convolution and always the same activation after it, whichever is asked for.
CONVOLUTION_AND_SILU = "silu of causal_conv1d"
# Multiplies pads by zero; the runtime's functions leave pads out by themselves.
ZEROES_PADS = "no_pads"
# By digest of what stands in them: texts that were read, and that the runtime's functions were held against.
TEXTS = {
    "ba6e43edf3fd700f": StateFunction(ZEROES_PADS),
    "235439df7daab571": StateFunction(ZEROES_PADS),
    "ec4f1cdb7cead060": StateFunction(CONVOLUTION),
    "bc4b8223224829a5": StateFunction(CONVOLUTION, one_token=True),
    "9ccd3351b2362256": StateFunction(CONVOLUTION_AND_SILU, one_token=True),
    "0f8c48bf4e0bbfd2": StateFunction("gated_delta_rule"),
    "4668d6431bde805b": StateFunction("gated_delta_rule", one_token=True),
    "98d73347b2957623": StateFunction("gated_delta_rule"),
    "2962a8bb2e1d9b58": StateFunction("gated_delta_rule", one_token=True),
    "020115753678bf41": StateFunction("gated_delta_rule"),
    "3b578f47c66cfd4b": StateFunction("gated_delta_rule", one_token=True),
    "bc69dd6d4cb58855": StateFunction("gated_delta_rule"),
    "4a123d99309a5345": StateFunction("gated_delta_rule", one_token=True),
    "2ea7f4b1ccb23c89": StateFunction("gated_delta_rule", one_token=True),
    "5c7ab19012bc3e26": StateFunction("gated_delta_rule"),
    "ab5c07298d7c0b2a": StateFunction("kimi_delta_attention"),
    "0203038343ea95b2": StateFunction("kimi_delta_attention", one_token=True),
    "37fb33b55ce49a75": StateFunction("mamba2_scan"),
    "727d963ade611c05": StateFunction("mamba2_scan"),
    "8fce200dc9bb8f15": StateFunction("mamba2_scan", one_token=True),
    "e8851198472f000d": StateFunction("mamba_scan"),
    "e57c13132c760480": StateFunction("mamba_scan"),
    "444bde214d1f025f": StateFunction("mamba_scan", one_token=True),
}


def known_function(name: str, file: ModelingFile) -> StateFunction | None:
    """What a function of the file computes, if its text is a known one."""
    function = file.functions.get(name)
    if function is None or any(spelled(item).split("(")[0] not in DECORATORS for item in function.decorator_list):
        return None
    return TEXTS.get(text_digest(function, file))


def text_digest(function: ast.FunctionDef, file: ModelingFile) -> str:
    """A digest of what stands in a function, and in the functions of the file that it calls; its own name aside."""
    plain = _Plain(file, function.name).visit(copy.deepcopy(function))
    plain.name = "_"
    return hashlib.sha256(ast.unparse(plain).encode()).hexdigest()[:16]


class _Plain(ast.NodeTransformer):
    """Leaves of a function what decides its results, with names of modules spelled out."""

    def __init__(self, file: ModelingFile, name: str) -> None:
        self.file = file
        self.name = name

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.body, node.decorator_list, node.returns = statements_of(node), [], None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        called = self.file.functions.get(node.id) if node.id != self.name else None
        full = self.file.aliases.get(node.id, node.id)
        # Where transformers keeps what it has changes from release to release.
        own = full if full.split(".")[0] == "torch" else full.rpartition(".")[2]
        node.id = own if called is None else text_digest(called, self.file)
        return node


def calls_known(tree: ast.AST, file: ModelingFile) -> list[tuple[ast.Call, StateFunction]]:
    """Every call below `tree` of a function of the file whose text is known, with what it computes."""
    calls = [call for call in find(ast.Call, tree) if isinstance(call.func, ast.Name)]
    known = [(call, known_function(spelled(call.func), file)) for call in calls]
    return [(call, function) for call, function in known if function is not None]
