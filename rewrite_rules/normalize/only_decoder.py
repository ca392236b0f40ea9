"""Ask once, at the beginning of the model, whether the configuration is that of a decoder, and never again.

Some models are encoders unless the configuration says `is_decoder`. An exported causal LM is a decoder, and its mask
looks back only. With another configuration upstream looks ahead, so that is an error, and not ignored.
"""

from __future__ import annotations

import libcst as cst

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from rewrite_rules._folding import fold
from rewrite_rules._matching import source, statements_of

FLAG = "self.config.is_decoder"
ASKED = f"""
if not {FLAG}:
    raise ValueError("without `config.is_decoder` the model looks ahead")
"""


class OnlyDecoder(Rule):
    why = "A causal LM is exported as a decoder: a configuration that looks ahead is an error, not ignored."
    roles = (Role.MODEL,)
    words = (FLAG,)
    construct = f"a condition on `{FLAG}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[cst.FunctionDef, int]:
        node, decided = fold(function.node, _is_decoder)
        if not decided or not function.is_forward:
            return node, decided
        body = statements_of(node.body)
        asked = cst.parse_statement(ASKED.strip("\n"))
        # A docstring stays first.
        start = int(source(body[0]).lstrip().startswith(('"""', 'r"""')))
        changed = [*body[:start], asked, *body[start:]]
        return node.with_changes(body=node.body.with_changes(body=changed)), decided


def _is_decoder(test: cst.BaseExpression) -> bool | None:
    return True if isinstance(test, cst.Attribute) and source(test) == FLAG else None
