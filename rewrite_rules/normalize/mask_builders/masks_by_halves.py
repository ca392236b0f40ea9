"""Call upstream's mask builder where a model adds up a triangle and a mask of pads.

Files before 4.35 have a method that makes the mask of two halves, and a function for each: one fills the triangle of
the new tokens and puts zeros for the cached ones before it, the other spreads the tokens' mask over queries. All three
are known statement for statement, and together they make what `create_causal_mask` makes; where another statement is
found, the mask may be another one, and is a refusal.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.mask_form import CAUSAL
from qeff_codegen.anatomy.modeling_file import bind, parameters, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import NameTaken
from qeff_codegen.codemod.tree import find, statements_of
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import match
from rewrite_rules.normalize.mask_builders._made_of import BUILT, TAKEN, problem
from rewrite_rules.vocabulary import pattern

# The method; what is made may be moved to the embeddings' device.
ADDS_UP = pattern("""
if ...:
    $shape = $tokens.shape
$mask = None
if $shape[-1] > 1:
    $mask = {
        $triangle($shape, $states.dtype, device=$states.device, past_key_values_length=$seen),
        $triangle($shape, $states.dtype, past_key_values_length=$seen).to($states.device)
    }
if $tokens_mask is not None:
    $pads = {
        $expand($tokens_mask, $states.dtype, tgt_len=$shape[-1]).to($states.device),
        $expand($tokens_mask, $states.dtype, tgt_len=$shape[-1])
    }
    $mask = $pads if $mask is None else $pads + $mask
return $mask
""")
LEAST = "{torch.tensor(torch.finfo($_).min, ...), torch.tensor(torch.finfo($_).min), torch.finfo($_).min}"
TRIANGLE = pattern(f"""
$batch, $new = $shape
$mask = torch.full(($new, $new), {LEAST}, ...)
$places = torch.arange($mask.size(-1), ...)
$mask.masked_fill_($places < ($places + 1).view($mask.size(-1), 1), 0)
$mask = $mask.to($dtype)
if $seen > 0:
    $mask = torch.cat([torch.zeros($new, $seen, dtype=$dtype, ...), $mask], dim=-1)
return $mask[None, None, :, :].expand($batch, 1, $new, $new + $seen)
""".replace("dtype=$dtype, ...)", "..., dtype=$dtype)"))
EXPANDED = pattern("""
$batch, $all = $mask.size()
$new = $new if $new is not None else $all
$expanded = $mask[:, None, None, :].expand($batch, 1, $new, $all).to($dtype)
$inverted = 1.0 - $expanded
return $inverted.masked_fill({$inverted.to(torch.bool), $inverted.bool()}, torch.finfo($dtype).min)
""")


class MasksByHalves(Rule):
    why = (
        "The mask that is added up from a triangle and pads is the builder's causal one; later rules see one spelling."
    )
    roles = (Role.MODEL,)
    construct = (
        "`self.$method(attention_mask, ($batch, $new), $states, $seen)`, which adds up two masks that are known"
    )

    def apply(self, draft: Draft) -> None:
        super().apply(draft)
        if draft.matches[self.id]:
            draft.leave_uncalled(draft.anatomy.model.name)

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        methods, lengths, edits = anatomy.model.cls.methods, lengths_of(code.tree), Edits(code)
        adding = [
            (call, method)
            for call in code.nodes(ast.Call)
            if (method := methods.get(self_attribute(call.func) or "")) is not None and _adds_up(method, anatomy)
        ]
        for call, method in adding:
            if CAUSAL in anatomy.file.names:
                raise NameTaken(CAUSAL, call)
            given = dict(zip(TAKEN, (bind(call, method).get(name) for name in parameters(method)), strict=False))
            known = {name: value for name, value in given.items() if value is not None}
            if what := problem(known, lengths):
                raise Unmatched(what, call)
            edits.replace(call, BUILT.format(states=code.segment(known["inputs_embeds"])))
        return edits.done(), len(adding)


def _adds_up(method: ast.FunctionDef, anatomy: Anatomy) -> bool:
    """Whether a method adds a triangle to the expanded mask of the tokens, by functions that do no more."""
    found = match(ADDS_UP, statements_of(method), anatomy.file.aliases)
    if found is None:
        return False
    functions = anatomy.file.functions
    triangle, expand = functions.get(found.name("triangle")), functions.get(found.name("expand"))
    taken = parameters(method)
    names = [found.name("tokens_mask"), found.name("tokens" if "tokens" in found.bound else "shape")]
    return (
        triangle is not None
        and expand is not None
        and taken == (*names, found.name("states"), found.name("seen"))
        and match(TRIANGLE, statements_of(triangle), anatomy.file.aliases) is not None
        and match(EXPANDED, statements_of(expand), anatomy.file.aliases) is not None
        and not any(item.decorator_list for item in (method, triangle, expand))
        and len(find(ast.Return, method)) == 1
    )
