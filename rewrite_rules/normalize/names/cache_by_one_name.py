"""Call the KV cache `past_key_values` everywhere.

Upstream has called it `past_key_value`, `past_key_values` and `cache` within three years. It is found by what it does:
the receiver of `.update(<key>, <value>, self.layer_idx)` in the attention, followed outwards along the calls. A method
that a forward hands it to calls it the same.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy, Part
from qeff_codegen.anatomy.modeling_file import bind, self_attribute
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.calls import rename_keywords
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import rename
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules.vocabulary import CACHE


class CacheByOneName(Rule):
    why = "The KV cache has one name in generated code, whatever upstream calls it in this release."
    roles = CALL_PATH
    construct = "a parameter that holds the KV cache"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        part = anatomy.part(function.owner or "")
        if part is None:
            return code, 0
        methods = _given_cache(part)
        name = part.cache_parameter if function.is_forward else methods.get(f"self.{function.name}", "")
        candidates = anatomy.candidates(part.role) if function.is_forward else {}
        keywords = {name: {callee.cache_parameter for callee in callees} for name, callees in candidates.items()}
        keywords |= {name: {taken} for name, taken in methods.items()} if function.is_forward else {}
        edits = Edits(code)
        if name != CACHE:
            rename(edits, name, CACHE)
        for call in code.nodes(ast.Call):
            for keyword in sorted(keywords.get(spelled(call.func), set()) - {CACHE}):
                rename_keywords(edits, call, keyword, CACHE)
        return edits.done(), int(bool(edits))


def _given_cache(part: Part) -> dict[str, str]:
    """Methods that a part's forward hands the cache to, by how they are called, with the parameter that takes it."""
    found: dict[str, str] = {}
    for call in find(ast.Call, part.forward):
        method = part.cls.methods.get(self_attribute(call.func) or "")
        for name, value in bind(call, method).items() if method is not None else ():
            if isinstance(value, ast.Name) and value.id == part.cache_parameter:
                found[spelled(call.func)] = name
    return found
