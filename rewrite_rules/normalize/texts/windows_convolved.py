"""Convolve the window that the cache gives, for one token and for many.

Older releases let the cache keep the last columns and compute with their own: for many tokens by the convolution of
the columns of the call, with zeros before them, and for one token as the sum of a window's columns, each times its
weight. Both are the convolution of what the cache gives: the kept columns, zeros where a row begins, then the call's.

    if cache.has_previous_state(layer):                  out = cache.update_conv_state(columns, layer, ...)
        window = cache.update_conv_state(columns, layer) out = causal_conv1d(out, weight, bias)
        out = torch.sum(window * weight, dim=-1)         out = act(out[:, :, -tokens:])
        out = act(out)                              ->
    else:
        window = pad(columns, ...)
        cache.update_conv_state(window, layer)
        out = act(conv(columns)[..., :tokens])
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.state_functions import CONVOLUTION, CONVOLUTION_AND_SILU, known_function
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import values_of
from qeff_codegen.engine.conditions import Place, bound_to
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, equal, first_unlike, match
from rewrite_rules.normalize.texts._earlier_calls import Branch, branches
from rewrite_rules.vocabulary import CACHE, pattern

MANY = pattern(f"""
$window = nn.functional.pad($columns, ($kernel - $columns.shape[-1], 0))
if ...:
    $window = {CACHE}.update_conv_state($window, $layer)
else:
    {{{CACHE}.update_conv_state($window, $layer), {CACHE}.update_conv_state($window, layer_idx=$layer)}}
$out = $computed
""")
# The convolution of a call's columns, and what is computed from it.
OF_CALL = pattern("{$conv($columns)[..., :$tokens], $conv($columns)[:, :, :$tokens]}")
ACTIVATED = pattern("{$act($convolved.transpose(1, 2)), $act($convolved)}")
SUMMED = pattern(f"""
$window = {{{CACHE}.update_conv_state($columns, $layer), {CACHE}.update_conv_state($columns, layer_idx=$layer)}}
if ...:
    $window = {{$window.to($conv.weight.device), $window.to(device=$conv.weight.device)}}
$out = torch.sum(
    {{$window, $window.to($columns.device)}} * {{$conv.weight.squeeze(1), $conv.weight[:, 0, :]}}, dim=-1
)
if $has_bias:
    $out = $out + $conv.bias
$out = $computed
""")
# What one token's columns become: the activation of them, an axis for tokens.
OF_ONE = pattern(
    "{$act($out), $act($out).to($dtype)[:, None, ...], $act($out).to($dtype).unsqueeze(-1), $out.unsqueeze(-1)}"
)
CALLED = pattern("$out = $update($columns, $window, $conv.weight.squeeze(1), $conv.bias, $_)")
KEPT = pattern(f"{{{CACHE}.layers[$layer].conv_states, {CACHE}.get_conv_state($layer)}}")
SILU = pattern("{nn.functional.silu, torch.nn.functional.silu}")
DEPTHWISE = pattern(
    "nn.Conv1d($...others, in_channels=$channels, out_channels=$channels, kernel_size=$size, groups=$channels,"
    " padding=$size - 1)"
)
UNCHANGING = {"bias"}
UNLIKE = "one token is convolved otherwise than many"


class WindowsConvolved(Rule):
    why = "The cache gives the columns of earlier calls with those of this one, and one text convolves them."
    roles = (Role.STATE_MIXER,)
    names = ("update_conv_state",)

    @property
    def construct(self) -> str:
        return f"`if <there was a call before>: {SUMMED.shown}`, `else: {MANY.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        place = Place(code, anatomy.file.classes.get(function.owner or ""), anatomy)
        edits, count = Edits(code), 0
        for branch in branches(code):
            text = _convolved(branch, place)
            if text is not None:
                edits.replace_statement(branch.node, text)
                count += 1
        return edits.done(), count


def _convolved(branch: Branch, place: Place) -> str | None:
    """The one text for a branch that convolves; None for another branch."""
    aliases = place.code.aliases
    many = match(MANY, branch.many, aliases)
    if many is None or many.spelled("layer") != branch.layer:
        summed = match(SUMMED, branch.one, aliases)
        if summed is not None:
            raise Unmatched(UNLIKE, first_unlike(MANY, branch.many, aliases)[0])
        return None
    activated = match(ACTIVATED, many["computed"], aliases)
    columns = many["computed"] if activated is None else activated["convolved"]
    convolved = match(OF_CALL, columns, aliases, many.bound)
    if convolved is None:
        return None
    if not _is_depthwise(convolved, place.owner):
        raise Unmatched(f"`{convolved.spelled('conv')}` convolves otherwise than a window's columns", branch.many[-1])
    unlike = _unlike(branch, convolved, activated, place)
    if unlike is not None:
        raise Unmatched(UNLIKE, unlike)
    out, width = many.spelled("out"), many.spelled("kernel")
    conv, own = convolved.spelled("conv"), f"{out}[:, :, -{convolved.spelled('tokens')} :]"
    if activated is not None:
        turned = ".transpose(1, 2)" if not equal(activated["convolved"], _argument(many["computed"])) else ""
        own = f"{activated.spelled('act')}({own}{turned})"
    return (
        f"{out} = {CACHE}.update_conv_state({many.spelled('columns')}, {branch.layer}, conv_kernel_size={width})\n"
        f"{out} = {CONVOLUTION}({out}, {conv}.weight.squeeze(1), {conv}.bias)\n"
        f"{out} = {own}\n"
    )


def _argument(call: ast.expr) -> ast.expr:
    assert isinstance(call, ast.Call)
    return call.args[0]


def _unlike(branch: Branch, convolved: Match, activated: Match | None, place: Place) -> ast.stmt | None:
    """The first statement that convolves one token otherwise than many; None if they are convolved alike."""
    aliases, last = place.code.aliases, branch.one[-1]
    known = {name: convolved.bound[name] for name in ("columns", "conv", "layer", "out")}
    called = match(CALLED, branch.one, aliases, known)
    if called is not None:
        return None if _is_silu(called, convolved, activated, place) else last
    summed = match(SUMMED, branch.one, aliases, known)
    if summed is None or self_attribute(summed["has_bias"]) is None:
        return first_unlike(SUMMED, branch.one, aliases, known)[0]
    of_one = match(OF_ONE, summed["computed"], aliases, known)
    if of_one is None:
        return last
    dtype = of_one.bound.get("dtype")
    if isinstance(dtype, ast.expr) and not bound_to("$_.dtype").holds(dtype, of_one, place):
        return last
    acts = of_one["act"] if "act" in of_one.bound else None
    alike = acts is None if activated is None else acts is not None and equal(acts, activated["act"])
    return None if alike else last


def _is_silu(called: Match, convolved: Match, activated: Match | None, place: Place) -> bool:
    """Whether a function convolves one token, from what the cache keeps, and the same activation follows for many."""
    function = known_function(called.name("update"), place.anatomy.file)
    if function is None or function.computes != CONVOLUTION_AND_SILU or activated is None:
        return False
    kept = [match(KEPT, node, known={"layer": convolved.bound["layer"]}) for node in _first_values(called, place.code)]
    return bool(kept) and all(kept) and match(SILU, activated["act"], place.code.aliases) is not None


def _first_values(called: Match, code: Code) -> list[ast.AST]:
    """What a function's window may be where it is called: all that the name is bound to before."""
    return [value for value in values_of(called.name("window"), code) if _line(value) < _line(called.node)]


def _line(node: ast.AST) -> int:
    assert isinstance(node, ast.expr | ast.stmt)
    return node.lineno


def _is_depthwise(convolved: Match, owner: ModelingClass | None) -> bool:
    """Whether a convolution is one of each channel by itself, over as many columns as the window has."""
    attribute, kernel = self_attribute(convolved["conv"]), self_attribute(convolved["kernel"])
    if owner is None or attribute is None or kernel is None:
        return False
    made, sizes = owner.assigned.get(attribute, ()), owner.assigned.get(kernel, ())
    found = match(DEPTHWISE, made[0]) if len(made) == 1 else None
    if found is None or len(sizes) != 1:
        return False
    others = found.bound["others"]
    plain = isinstance(others, list) and all(
        isinstance(item, ast.keyword) and item.arg in UNCHANGING for item in others
    )
    return plain and (equal(found["size"], convolved["kernel"]) or equal(found["size"], sizes[0]))
