"""Run one rule on an example: the skeleton decoder with some of its classes or functions replaced.

`before.py` holds only what the example is about. Everything else comes from `skeleton.py`, so that the rule meets a
whole decoder and the example stays short. What the rule changed is rendered the way `after.py` shows it.
"""

from __future__ import annotations

import ast
from pathlib import Path

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.emit.formatting import formatted
from qeff_codegen.engine.draft import Draft, Function, code_of, open_draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.upstream.source import UpstreamModel

HERE = Path(__file__).parent
SKELETON = HERE / "skeleton.py"
NOTHING = "# The rule changes nothing here.\n"


def example_model(before: str) -> UpstreamModel:
    """The skeleton with `before`'s classes and functions in the places of its own of the same name."""
    return UpstreamModel("tiny", "modeling_tiny.py", "tiny.modeling_tiny", merged(SKELETON.read_text(), before))


def merged(skeleton: str, before: str) -> str:
    """`skeleton` with the top-level statements of `before` replacing those of the same name; new ones go on top."""
    replacements = {_name(node): ast.get_source_segment(before, node) for node in ast.parse(before).body}
    decorated = {
        _name(node): "".join(f"@{ast.unparse(item)}\n" for item in getattr(node, "decorator_list", []))
        for node in ast.parse(before).body
    }
    lines = skeleton.splitlines()
    tree = ast.parse(skeleton)
    for node in reversed(tree.body):
        name = _name(node)
        if name in replacements:
            text = decorated[name] + (replacements.pop(name) or "")
            lines[node.lineno - 1 : node.end_lineno] = text.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(("import", "from")))
    new = [text for text in replacements.values() if text is not None]
    imports = [text for text in new if text.startswith(("import", "from"))]
    others = [text for text in new if text not in imports]
    last = max(index for index, line in enumerate(lines) if line.startswith(("import", "from")))
    lines[last + 1 : last + 1] = ["", *"\n\n".join(others).splitlines()]
    lines[first:first] = imports
    return "\n".join(lines) + "\n"


def _name(node: ast.stmt) -> str:
    return getattr(node, "name", None) or ast.unparse(node)


def apply_rule(rule: Rule, before: str) -> str:
    """What `rule` makes of the example, as source: what it changed or added there, and mappings it decided."""
    draft = open_draft(recognise(read_modeling_file(example_model(before))))
    rule.apply(draft)
    return rendered(draft, {_name(node) for node in ast.parse(before).body})


def rendered(draft: Draft, names: set[str]) -> str:
    """Changed functions of the classes and functions in `names`, in upstream's order, each under its class."""
    changed = [
        function
        for function in draft.functions
        if (function.changed or function.added) and names & {function.owner, function.name}
    ]
    pieces: list[str] = []
    owner: str | None = None
    for function in changed:
        text = code_of(function.node)
        if function.owner is None:
            pieces.append(text)
        else:
            header = "" if function.owner == owner else f"class {function.owner}:\n"
            pieces.append(header + _indented(function))
        owner = function.owner
    pieces += [
        f"# {entry.transform}: {entry.upstream_class} becomes {entry.replacement}\n" for entry in draft.mappings
    ]
    return formatted("\n\n".join(pieces)) if pieces else NOTHING


def _indented(function: Function) -> str:
    return "\n".join(f"    {line}" if line else line for line in code_of(function.node).splitlines()) + "\n"
