"""How a model of older releases counts positions as `cache_position`, and how newer ones spell the same."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.names import assigned, names_in, read_instead, rename
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import CACHE, POSITIONS, pattern

COUNT = "cache_position"
# Where the new tokens begin, by the first of their positions or by the cache.
FIRST = pattern(f"""
$past = 0
if {COUNT} is not None:
    $past = {COUNT}[0]
elif {CACHE} is not None:
    $past = {CACHE}.get_seq_length()
""")
COUNTED = pattern(f"{COUNT} = {{torch.arange($seen, $seen + $new, device=$_), torch.arange($new, device=$_) + $seen}}")
ROW = pattern(f"{COUNT}.unsqueeze(0)")


def cached_in_one_form(code: Code) -> Code:
    """A forward that asks the cache for its length, where the first position that it is given would say the same."""
    edits = Edits(code)
    for found in find_all(FIRST, code):
        make(edits, found, f"$past = {CACHE}.get_seq_length() if {CACHE} is not None else 0")
    return edits.done()


def counted_once(code: Code) -> Code:
    """A model's forward that counts `position_ids` where it is asked for them, and nothing else.

    A count of anything but the new tokens, from the length of the cache on, stays as it is.
    """
    uses = [node for node in code.nodes(ast.Name) if node.id == COUNT]
    stored = [code.statement_of(node) for node in uses if isinstance(node.ctx, ast.Store)]
    written = _in_newer_spelling(stored[0], code) if len(stored) == 1 and stored[0] in code.body else None
    if written is None:
        return code
    edits = Edits(code)
    rows = [item for found in find_all(ROW, code) if _is_row(item := code.statement_of(found.node))]
    other = [node for node in uses if code.statement_of(node) not in (stored[0], *rows)]
    if other and not rows and not _are_known(code, other[-1]):
        # The model is given no positions and looks them up by what it counted.
        if _is_bound_no_sooner(code, other):
            read_instead(edits, COUNT, POSITIONS)
        else:
            rename(edits, COUNT, POSITIONS)
        edits.replace_statement(stored[0], f"{POSITIONS} = {written}")
        return edits.done()
    edits.remove(stored[0])
    for node in uses:
        statement = code.statement_of(node)
        if statement in rows:
            edits.replace(node, POSITIONS)
            edits.replace_statement(statement, f"{POSITIONS} = {written}\n{edits.statement_text(statement)}")
    return edits.done()


def _in_newer_spelling(statement: ast.stmt, code: Code) -> str | None:
    """`torch.arange(<new>, device=...) + <seen>`, if that is what upstream counts."""
    found, lengths = match(COUNTED, statement, code.aliases), lengths_of(code.tree)
    if found is None or not lengths.counts_new(found["new"]) or not lengths.is_seen(found["seen"]):
        return None
    return f"torch.arange({code.segment(found['new'])}, device=inputs_embeds.device) + {code.segment(found['seen'])}"


def _is_row(statement: ast.stmt) -> bool:
    """`position_ids = ...`, made of the count, and not of other positions."""
    uses = sum(isinstance(node, ast.Name) and node.id == COUNT for node in ast.walk(statement))
    return (
        uses == 1 and POSITIONS not in names_in(statement, ast.Load) and (assigned(statement) or ("",))[0] == POSITIONS
    )


def _is_bound_no_sooner(code: Code, uses: list[ast.Name]) -> bool:
    """Whether the model calls something else `position_ids` once it has used the count for the last time."""
    stored = [node for node in code.nodes(ast.Name) if node.id == POSITIONS and not isinstance(node.ctx, ast.Load)]
    statements = [code.statement_of(node) for node in stored]
    last = max(
        code.body.index(item) if (item := code.statement_of(use)) in code.body else len(code.body) for use in uses
    )
    return bool(stored) and all(item in code.body[last:] for item in statements)


def _are_known(code: Code, last_use: ast.Name) -> bool:
    """Whether a model is given positions, or reads some before it uses the count for the last time."""
    last = max(last_use.lineno, code.statement_of(last_use).end_lineno or 0)
    loads = (node for node in code.nodes(ast.Name) if node.id == POSITIONS and isinstance(node.ctx, ast.Load))
    return POSITIONS in code.parameters or any(node.lineno <= last for node in loads)
