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
from qeff_codegen.engine.draft import open_draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.upstream.source import UpstreamModel

HERE = Path(__file__).parent
SKELETON = HERE / "skeleton.py"
# What is added where an example says something of a state mixer.
STATES_SKELETON, STATE_MIXER = HERE / "states_skeleton.py", "TinyMixer"
NOTHING = "# The rule changes nothing here.\n"


def example_model(before: str) -> UpstreamModel:
    """The skeleton with `before`'s classes and functions in the places of its own of the same name."""
    skeleton = SKELETON.read_text()
    if STATE_MIXER in before:
        skeleton = merged(skeleton, STATES_SKELETON.read_text())
    return UpstreamModel("tiny", "modeling_tiny.py", "tiny.modeling_tiny", merged(skeleton, before))


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
    new = [decorated[name] + text for name, text in replacements.items() if text is not None]
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
    return apply_and_compare(rule, before)[1]


def apply_and_compare(rule: Rule, before: str) -> tuple[str, str]:
    """The functions of the example that `rule` changes or adds, as they were and as they are afterwards."""
    names = {_name(node) for node in ast.parse(before).body}
    draft = open_draft(recognise(read_modeling_file(example_model(before))))
    earlier = {function.qualified_name: function.code.text for function in draft.functions}
    rule.apply(draft)
    changed = [
        function
        for function in draft.functions
        if (function.changed or function.added) and names & {function.owner, function.name}
    ]
    old = [(item.owner, earlier[item.qualified_name]) for item in changed if item.qualified_name in earlier]
    new = [(item.owner, item.code.text) for item in changed]
    return _rendered(old, []), _rendered(new, draft.mappings)


def _rendered(functions: list[tuple[str | None, str]], mappings: list[MappingEntry]) -> str:
    """Functions given as (class, text), each under its class, and mapping entries as comments."""
    pieces: list[str] = []
    previous: str | None = None
    for owner, text in functions:
        if owner is None:
            pieces.append(text)
        else:
            header = "" if owner == previous else f"class {owner}:\n"
            pieces.append(header + _indented(text))
        previous = owner
    pieces += [f"# {entry.transform}: {entry.upstream_class} becomes {entry.replacement}\n" for entry in mappings]
    return formatted("\n\n".join(pieces)) if pieces else NOTHING


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.splitlines()) + "\n"
