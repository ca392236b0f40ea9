"""Find what a module keeps on itself from call to call, in the two ways that are known.

A window: the last columns that went into the module's own convolution, put in front of the next token's.
A linear recurrence: what a method that goes through the tokens gives last, which it is given in the next call.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.tree import statements_of
from qeff_codegen.patterns.match import Match, find_all, match
from qeff_codegen.patterns.pattern import Pattern

# Whether a sequence begins is told by how many tokens there are: several begin one, a single one goes on. Without a
# cache one always begins; once it is known that there is one, nothing asks for it any more.
WINDOW = Pattern(
    """
if ...:
    if use_cache:
        $KEPT
    else:
        $kept = None
        $other = None
        $columns = $convolution($columns)[..., :$length]
else:
    $KEPT
""",
    {"KEPT": """
if $kept is None or $kept.shape[0] != $_:
    $kept = torch.zeros(...)
    $other = torch.zeros(...)
if position_ids.shape[1] != 1:
    $kept = nn.functional.pad($columns, ($size - $columns.shape[-1] - 1, 0))
    $columns = $convolution($columns)[..., :$length]
else:
    $both = torch.cat(($kept, $columns), -1)
    $columns = torch.sum($both * $convolution.weight[:, 0, :], dim=-1) + $convolution.bias
    $columns = $columns.unsqueeze(-1)
    $kept = $both[:, :, 1:]
"""},
)
DEPTHWISE = Pattern("nn.Conv1d($channels, $channels, kernel_size=$size, groups=$channels, padding=$size - 1)")
SCANNED = Pattern("""
$out, $new = $scan(hidden_states=$states, recurrent_gate=$gate, reset=$reset, recurrent_states=$kept)
$kept = $new
""")
# The method that goes through the tokens, its gate being zero where a sequence begins.
SCAN = Pattern("""
$gate = $gate * ~$reset
if $states.shape[1] == 1:
    if $kept is None:
        return $states, $states[:, 0].type($wide)
    else:
        $out = $gate.type($wide) * $kept[:, None].to($gate.device)
        $out += $states.type($wide)
        return $out.type($states.dtype), $out[:, -1]
else:
    if $kept is None:
        $kept = torch.zeros($states[:, 0].shape, dtype=$wide, device=$states.device)
    $out = torch.zeros_like($states)
    for $token in range($states.shape[1]):
        $kept = $gate[:, $token].type($wide) * $kept.to($gate.device)
        $kept = $kept + $states[:, $token].type($wide)
        $out[:, $token] = $kept.type($states.dtype)
return $out, $kept
""")
BEGINS = Pattern("position_ids[:, :, None] == 0")
WIDE = Pattern("torch.float32")


def window_kept(code: Code, cls: ModelingClass) -> Match | None:
    """Where a forward keeps the window of the module's own depthwise convolution on the module."""
    every = find_all(WINDOW, code)
    found = every[0] if every else None
    # What stands under `if use_cache:` matches by itself, too.
    if found is None or not {item.node for item in every} <= set(ast.walk(found.node)):
        return None
    size = cls.assigned.get(self_attribute(found["size"]) or "", ())
    made = cls.assigned.get(self_attribute(found["convolution"]) or "", ())
    depthwise = match(DEPTHWISE, made[0], code.aliases) if len(made) == len(size) == 1 else None
    kept = self_attribute(found["kept"])
    return found if kept and depthwise and ast.unparse(depthwise["size"]) == ast.unparse(size[0]) else None


def recurrence_kept(code: Code, cls: ModelingClass) -> Match | None:
    """Where a forward keeps on the module what its linear recurrence has come to, which positions start anew."""
    found = find_all(SCANNED, code)
    if len(found) != 1 or self_attribute(found[0]["kept"]) is None:
        return None
    method = cls.methods.get(self_attribute(found[0]["scan"]) or "")
    scan = match(SCAN, statements_of(method), code.aliases) if method is not None else None
    names = ("states", "gate", "reset", "kept", "wide")
    if method is None or scan is None or parameters(method) != tuple(scan.name(name) for name in names):
        return None
    is_wide = len(method.args.defaults) == 1 and match(WIDE, method.args.defaults[0], code.aliases) is not None
    begins = [
        node.value for node in code.nodes(ast.Assign) if ast.unparse(node.targets[0]) == found[0].spelled("reset")
    ]
    return found[0] if is_wide and len(begins) == 1 and match(BEGINS, begins[0]) is not None else None


def kept_attribute(cls: ModelingClass, file: ModelingFile) -> str | None:
    """The attribute in which a class keeps a state on itself, if it does so in one of the known ways."""
    if cls.forward is None or not any(_is_none(value) for values in cls.assigned.values() for value in values):
        return None
    code = Code(f"{ast.unparse(cls.forward)}\n", file.aliases)
    found = window_kept(code, cls) or recurrence_kept(code, cls)
    return self_attribute(found["kept"]) if found is not None else None


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
