"""Let the cache put the columns that a row has kept in front of a call's, and keep the last ones.

Most layers leave both to it. Some read what was kept, put it in front themselves, or zeros where nothing was, and hand
back as many columns as are to be kept. That is what the cache's own call does, for one token as for many. The
convolutions that follow give a column for every token then, whatever was kept beyond what they read.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import values_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from rewrite_rules.vocabulary import CACHE, pattern

WINDOW = pattern(f"""
if $kept is not None:
    $columns = torch.cat([$kept, $columns], dim=-1)
else:
    $columns = F.pad($columns, ($size, 0))
$last = $columns[..., -$size:]
$last = F.pad($last, ($size - $last.shape[-1], 0))
{CACHE}.update_conv_state($last, $layer)
""")
READ = pattern(f"{{{CACHE}.get_conv_state($layer), {CACHE}.get_conv_state($layer, state_idx=0)}}")
BY_CACHE = f"$columns = {CACHE}.update_conv_state($columns, $layer, conv_kernel_size=$size)"
CONVOLVED = pattern("$convolution($columns)")
# A column of the result for every place of the kernel, and none more.
PLAIN = {"padding": 0, "stride": 1, "dilation": 1}
TOKENS = "hidden_states"


class WindowByCache(Rule):
    why = "The cache puts what a row has kept in front of the call's columns; it knows which rows begin, and the pads."
    roles = (Role.STATE_MIXER,)
    names = ("get_conv_state",)

    @property
    def construct(self) -> str:
        return f"`$kept = {READ.shown}`, then `{WINDOW.shown}`, and convolutions without padding of all columns"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for found in find_all(WINDOW, code):
            edits.remove(_reading(found, code))
            _cut_off(edits, _last_convolution(found, code, anatomy.file.classes[function.owner or ""]))
            make(edits, found, BY_CACHE)
            count += 1
        return edits.done(), count


def _reading(found: Match, code: Code) -> ast.stmt:
    """The statement that reads what was kept, which nothing else is done with.

    Raises:
        Unmatched: something else is put in front, or it is read again.
    """
    kept = values_of(found.name("kept"), code)
    read = match(READ, kept[0], known=found.bound) if len(kept) == 1 else None
    inside = {node for part in found.nodes for node in ast.walk(part)}
    outside = [node for node in code.nodes(ast.Name) if node.id == found.name("kept") and node not in inside]
    if read is None or len(outside) != 1:
        raise Unmatched("what is put in front is not just what the cache has kept", found.node)
    return code.statement_of(read.node)


def _last_convolution(found: Match, code: Code, cls: ModelingClass) -> ast.Call:
    """The last of the convolutions that all columns go through.

    Raises:
        Unmatched: there is none, or one that pads, or leaves columns out.
    """
    calls = [
        (item.node, self_attribute(item["convolution"]) or "")
        for item in find_all(CONVOLVED, code, {"columns": found["columns"]})
        if self_attribute(item["convolution"]) in cls.made_by("Conv1d")
    ]
    for call, attribute in calls:
        for made in cls.assigned[attribute]:
            given = {item.arg: item.value for item in made.keywords} if isinstance(made, ast.Call) else {}
            others = [name for name, value in PLAIN.items() if name in given and not _is_number(given[name], value)]
            if others or not isinstance(made, ast.Call) or len(made.args) > len(("in", "out", "kernel")):
                raise Unmatched(f"`self.{attribute}` pads the columns, or leaves some out", call)
    if not calls or TOKENS not in code.parameters or len(values_of(TOKENS, code)) > 0:
        raise Unmatched("the columns go through no convolution of this layer's", found.node)
    last = calls[-1][0]
    assert isinstance(last, ast.Call)
    return last


def _is_number(value: ast.expr, number: int) -> bool:
    return isinstance(value, ast.Constant) and value.value == number


def _cut_off(edits: Edits, convolution: ast.Call) -> None:
    """Take the columns of the call's tokens alone, whatever the window holds in front of them."""
    edits.replace(convolution, f"{edits.text_of(convolution)}[:, :, -{TOKENS}.shape[1] :]")
