"""Compute lightning attention by the runtime's function, which takes a call of any length from any state.

Upstream writes it out, in two ways: a sequence that begins goes block by block, with the decays of a block's rows kept
in buffers, and one that goes on token by token. So several tokens that go on take a loop over them, and in both ways
pads decay the state. Both are one recurrence, `S = exp(-slope) S + k v^T`, as long as the buffers are what `__init__`
makes of the slopes, which is therefore asked of it statement by statement.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.buffers import buffers_of
from qeff_codegen.anatomy.modeling_file import ModelingClass, parameters, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import drop_overwritten, values_of
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import Match, equal, find_all, match
from rewrite_rules.vocabulary import pattern

COMPUTED = pattern("""
if $state is None:
    $state = {torch.zeros(..., device=$_, dtype=$_), torch.zeros(...).to($_)}
    $output = []
    for $block in range($blocks):
        $start = $block * $size
        $end = min($start + $size, $length)
        $count = $end - $start
        $q = $query[:, :, $start:$end]
        $k = $key[:, :, $start:$end]
        $v = $value[:, :, $start:$end]
        $q_decay = $query_decay[:, :$count]
        $k_decay = $key_decay[:, -$count:]
        $inner_decay = $between_decay[:, :, :$count, :$count]
        $block_decay = torch.exp(-$slope * $count)
        $scores = torch.matmul($q, $k.transpose(-1, -2))
        $inner = torch.matmul($scores * $inner_decay, $v)
        $outer = torch.matmul($q * $q_decay, $state)
        $sum = $outer + $inner
        $output.append($sum)
        $added = torch.matmul(($k * $k_decay).transpose(-1, -2), $v)
        $state = $state * $block_decay + $added
else:
    $ratio = torch.exp(-$slope)
    $output = []
    for $token in range($length):
        $one_q = $query[:, :, $token : $token + 1]
        $one_k = $key[:, :, $token : $token + 1]
        $one_v = $value[:, :, $token : $token + 1]
        $new = torch.matmul($one_k.transpose(-1, -2), $one_v)
        $state = $ratio * $state + $new
        $one = torch.matmul($one_q, $state)
        $output.append($one)
$output = torch.cat($output, dim=-2)
""")
BLOCKS = pattern("($length + $size - 1) // $size")
LENGTH = pattern("$_, $length, $_ = hidden_states.shape")
GIVEN = """
$output, $state = lightning_attention(
    $query, $key, $value, $slope, initial_state=$state, position_ids=position_ids
)
"""
# In `__init__`: what the buffers hold, made of the slopes; from a block's start, to its end, and between its rows.
MADE = pattern("$from_start, $to_end, $between = $make($rate)")
BUFFER = pattern("nn.Buffer(...)")
DECAYS = pattern("""
$numbers = {torch.arange($size, device=$_) + 1, torch.arange($size) + 1}
$from_start = torch.exp(-$rate * $numbers[:, None])
$to_end = torch.exp(-$rate * ($size - $numbers[:, None]))
$between = $numbers[:, None] - $numbers[None, :]
$between = $between[None, None, :, :]
$between = $rate * $between
$between = torch.where($between >= 0, -$between, float("-inf"))
$between = torch.exp($between)
return $from_start, $to_end, $between
""")
# What stands for attributes; and what is computed for one token, which may have the names of what is for a block.
ATTRIBUTES = {"slope", "size", "query_decay", "key_decay", "between_decay"}
OF_ONE = {"one_q", "one_k", "one_v", "one", "new", "ratio", "token"}


class LightningAttentionInOneCall(Rule):
    why = "The runtime's function takes a call of any length as one block, from the state that is kept."
    roles = (Role.STATE_MIXER,)
    construct = (
        "`if <state> is None:` lightning attention block by block, `else:` token by token, with decays that "
        "`__init__` makes of the slopes and keeps in buffers"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for found in find_all(COMPUTED, code):
            _expect_names(found, code)
            _expect_decays(found, anatomy.file.classes[function.owner or ""])
            make(edits, found, GIVEN)
            drop_overwritten(edits, found.name("state"))
            count += 1
        return edits.done(), count


def _expect_names(found: Match, code: Code) -> None:
    """Refuse a recurrence over anything else than all tokens of the call, by names of its own.

    Raises:
        Unmatched: a placeholder stands for an expression, two for one name, or a length is another one.
    """
    bound = [name for name in found.bound if name not in ATTRIBUTES]
    names = {name: found.name(name) for name in bound}
    whole = [name for key, name in names.items() if key not in OF_ONE]
    one = [
        name for key, name in names.items() if key in OF_ONE | {"state", "output", "query", "key", "value", "length"}
    ]
    if "" in names.values() or len(set(whole)) != len(whole) or len(set(one)) != len(one):
        raise Unmatched("the recurrence is not computed with names of its own", found.node)
    blocks = values_of(found.name("blocks"), code)
    counted = match(BLOCKS, blocks[0], known=found.bound) if len(blocks) == 1 else None
    counts = [item.name("length") for item in find_all(LENGTH, code)]
    if counted is None or counts != [found.name("length")] or len(values_of(counts[0], code)) != 1:
        raise Unmatched("the recurrence goes over something else than the tokens of the call", found.node)


def _expect_decays(found: Match, cls: ModelingClass) -> None:
    """Refuse buffers that may hold something else than the decays of the slopes.

    Raises:
        Unmatched: `__init__` does not make them as is known, or something sets them again.
    """
    made = cls.methods.get("__init__")
    calls = [item for node in (made.body if made else ()) if (item := match(MADE, node)) is not None]
    method = cls.methods.get(self_attribute(calls[0]["make"]) or "") if len(calls) == 1 else None
    taken = parameters(method) if method is not None else ()
    decays = match(DECAYS, method.body, known={"size": found["size"]}) if method is not None else None
    if decays is None or taken != (decays.name("rate"),):
        raise Unmatched("the decays of a block are not made of the slopes by statements that are known", found.node)
    given = {"slope": "rate", "query_decay": "from_start", "key_decay": "to_end", "between_decay": "between"}
    for attribute, name in given.items():
        own = self_attribute(found[attribute])
        kept = [item for item in buffers_of(cls.node) if item.name == own]
        set_otherwise = [value for value in cls.assigned.get(own or "", ()) if match(BUFFER, value) is None]
        if len(kept) != 1 or set_otherwise or not equal(kept[0].value, calls[0][name]):
            raise Unmatched(
                f"`{ast.unparse(found[attribute])}` is not what `__init__` makes of the slopes", found.node
            )
