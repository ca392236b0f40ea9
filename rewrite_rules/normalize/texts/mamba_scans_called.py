"""Call the runtime's scan where Mamba-1 is written out.

Older releases go through the tokens of a call in a loop, from the state of the last call or from zeros. What is before
and after the loop is the mixer's own: how a token's step is made, what goes past the state, the gate.

    if cache.has_previous_state(layer):              recurrent_state = cache.get_recurrent_state(layer)
        state = cache.layers[layer]....clone()       ...
    else:                                        ->  out, state = mamba_scan(x, step, A, B.transpose(1, 2), ...)
        state = torch.zeros(...)
    ...
    for i in range(seq_len): ...
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import NameTaken
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, find_all, match
from rewrite_rules.normalize.texts._earlier_calls import Branch, branches
from rewrite_rules.vocabulary import CACHE, pattern

STATE = "recurrent_state"
READ = pattern(f"$state = {CACHE}.layers[$layer].recurrent_states.clone()")
ZEROS = pattern("$state = torch.zeros(($_, $inner, $entries), device=$_, dtype=$dtype)")
ZEROS_OF_HEADS = pattern("$state = torch.zeros(($_, $heads, $inner, $entries), device=$_, dtype=$dtype)")
LOOP = pattern("""
$decay = torch.exp($a[None, :, None, :] * $step[:, :, :, None])
$weight = $step[:, :, :, None] * $b[:, None, :, :].float()
$added = $weight * $x[:, :, :, None].float()
$outputs = []
for $i in range($tokens):
    $state = $decay[:, :, $i, :] * $state + $added[:, :, $i, :]
    $out = torch.matmul($state.to($dtype), $c[:, $i, :].unsqueeze(-1))
    $outputs.append($out[:, :, 0])
$out = torch.stack($outputs, dim=-1)
""")
CALL = f"$out, $state = mamba_scan($x, $step, $a, $b.transpose(1, 2), $c.transpose(1, 2), initial_state={STATE})"
# The same for each of several heads, which stand in front of the rows.
LOOP_OF_HEADS = pattern("""
$decay = torch.exp($a[:, None, :, None, :] * $step[:, :, :, :, None])
$weight = $step[:, :, :, :, None] * $b[:, :, None, :, :].float()
$added = $weight * $x[:, :, :, :, None].float()
$outputs = []
for $i in range($tokens):
    $state = $decay[:, :, :, $i, :].transpose(0, 1) * $state + $added[:, :, :, $i, :].transpose(0, 1)
    $out = torch.matmul($state.transpose(0, 1).to($dtype), $c[:, :, $i, :].unsqueeze(-1))
    $outputs.append($out[:, :, :, 0])
$out = torch.stack($outputs, dim=-1)
""")
CALLS_OF_HEADS = f"""
$outputs, final_states = [], []
for head_idx in range($heads):
    $out, $state = mamba_scan(
        $x[head_idx],
        $step[head_idx],
        $a[head_idx],
        $b[head_idx].transpose(1, 2),
        $c[head_idx].transpose(1, 2),
        initial_state={STATE}[:, head_idx : head_idx + 1] if {STATE} is not None else None,
    )
    $outputs.append($out)
    final_states.append($state)
$out = torch.stack($outputs, dim=0)
$state = torch.cat(final_states, dim=1)
"""
# By what a state begins with where there was no call before.
FORMS = ((ZEROS, LOOP, CALL), (ZEROS_OF_HEADS, LOOP_OF_HEADS, CALLS_OF_HEADS))
NEW_NAMES = (STATE, "final_states", "head_idx")


class MambaScansCalled(Rule):
    why = "One function goes through the tokens of a call that upstream goes through in a loop."
    roles = (Role.STATE_MIXER,)
    names = ("update_recurrent_state",)

    @property
    def construct(self) -> str:
        return f"`if <there was a call before>: {READ}`, `else: {ZEROS}`, then `{LOOP.shown}`"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        if not function.is_forward:
            return code, 0
        begun = [(item, read) for item in branches(code) if (read := _read(item)) is not None]
        count = lengths_of(code.tree).counts_new
        loops = [item for _, loop, _ in FORMS for item in find_all(loop, code) if count(item["tokens"])]
        if not begun and not loops:
            return code, 0
        made = _made(*begun[0], code) if len(begun) == len(loops) == 1 else None
        if made is None:
            node = loops[0].node if loops else begun[0][0].node
            raise Unmatched("a state is gone through from something else than what the cache keeps, or zeros", node)
        if taken := next((name for name in NEW_NAMES if name in code.names), None):
            raise NameTaken(taken, begun[0][0].node)
        edits = Edits(code)
        edits.replace_statement(begun[0][0].node, f"{STATE} = {CACHE}.get_recurrent_state({begun[0][0].layer})")
        make(edits, *made)
        return edits.done(), 1


def _read(branch: Branch) -> Match | None:
    """What a branch reads the state of its layer into, where there was a call before."""
    read = match(READ, branch.one)
    return read if read is not None and read.spelled("layer") == branch.layer else None


def _made(branch: Branch, read: Match, code: Code) -> tuple[Match, str] | None:
    """The loop that goes on from what a branch begins a state with, and what stands in its place."""
    for zeros, loop, call in FORMS:
        begun = match(zeros, branch.many, known={"state": read.bound["state"]})
        found = find_all(loop, code, known=begun.bound) if begun is not None else []
        if len(found) == 1:
            return found[0], call
    return None
