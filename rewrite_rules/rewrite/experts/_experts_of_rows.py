"""Whether modules that are experts compute each row by itself."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.engine.rule import Unmatched
from rewrite_rules.rows import EachRow


def refuse_other_experts(made: Sequence[str], anatomy: Anatomy, loop: ast.For) -> None:
    """Refuse an expert that may look at other tokens than each by itself.

    Args:
        made: the classes that experts are of.
        loop: where experts are called, for the message.

    Raises:
        Unmatched: one of them computes something that is not known to be row by row.
    """
    for name in made:
        cls = anatomy.file.classes[name]
        rows = EachRow(cls, cls.made_by("Linear"))
        lines = [item for item in (cls.forward.body if cls.forward else ()) if not isinstance(item, ast.Expr)]
        if not lines or not all(map(rows.is_line, lines)):
            raise Unmatched(f"an expert, `{name}`, may compute something that is not row by row", loop)
