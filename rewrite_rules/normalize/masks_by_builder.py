"""Call upstream's mask builder where a model fills in the causal mask by hand.

Before there was a builder, every file carried two methods: one that chooses the length of the context and leaves the
work to the other, which fills the upper triangle from `cache_position`, and masks pads. Both are known word for word,
but for what other attention implementations do, and together they make what `create_causal_mask` makes; where another
word is found, the mask may be another one, and is a refusal.
"""

from __future__ import annotations

import ast

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.mask_form import CAUSAL
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, bind
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from rewrite_rules._filled_masks import FILLED_BY, chooses_length, fills_triangle
from rewrite_rules._matching import source

ROLES_OF_ARGUMENTS = {"attention_mask": "attention_mask", "cache_position": "cache_position"}


class MasksByBuilder(Rule):
    why = "The mask that a file fills in by hand is the causal one; later rules see one spelling of it."
    roles = (Role.MODEL,)
    words = ("cache_position",)
    construct = (
        "`self.<method>(attention_mask, <embeddings>, cache_position, <cache>, ...)`, which fills "
        "`torch.arange(<length>) > cache_position` by a second method, both of them word for word"
    )

    def apply(self, draft: Draft) -> None:
        self.gone: set[str] = set()
        super().apply(draft)
        draft.functions = [
            function
            for function in draft.functions
            if function.role is not Role.MODEL or function.name not in self.gone
        ]

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        if not function.is_forward:
            return function.node, 0
        caller = _CallBuilder(_methods(anatomy.file, anatomy.model.cls))
        node = cst.ensure_type(function.node.visit(caller), cst.FunctionDef)
        self.gone |= caller.gone
        return (node, caller.count) if caller.count else (function.node, 0)


def _methods(file: ModelingFile, cls: ModelingClass) -> dict[str, ast.FunctionDef]:
    """Methods of a class and of those of its bases that the file holds."""
    found: dict[str, ast.FunctionDef] = {}
    for base in reversed(cls.bases):
        if base in file.classes:
            found |= _methods(file, file.classes[base])
    return found | cls.methods


class _CallBuilder(cst.CSTTransformer):
    def __init__(self, methods: dict[str, ast.FunctionDef]) -> None:
        self.methods = methods
        self.gone: set[str] = set()
        self.count = 0

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        name = source(updated_node.func).removeprefix("self.")
        method = self.methods.get(name) if source(updated_node.func) == f"self.{name}" else None
        if method is None or FILLED_BY not in self.methods or FILLED_BY not in ast.unparse(method):
            return updated_node
        if not chooses_length(method) or not fills_triangle(self.methods[FILLED_BY]):
            raise Unmatched(f"`{name}` fills in a mask that may not be the causal one", updated_node)
        call = ast.parse(source(updated_node), mode="eval").body
        assert isinstance(call, ast.Call)
        given = {name: ast.unparse(value) for name, value in bind(call, method).items()}
        states, cache = given.get("input_tensor", ""), given.get("past_key_values", "")
        same = all(given.get(name) == value for name, value in ROLES_OF_ARGUMENTS.items())
        if not same or not states.isidentifier() or not cache.isidentifier():
            raise Unmatched(
                f"`{name}` is given something else than the mask, its positions and the cache", updated_node
            )
        self.count += 1
        self.gone |= {name, FILLED_BY}
        return cst.parse_expression(
            f"{CAUSAL}(config=self.config, inputs_embeds={states}, attention_mask=attention_mask, "
            f"past_key_values={cache})"
        )
