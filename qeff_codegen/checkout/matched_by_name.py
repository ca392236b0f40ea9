"""Classes that QEfficient gives other methods by the name of the class alone, whosever class it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.checkout.checkout import TRANSFORMS
from qeff_codegen.checkout.python_file import RULE, tree_of
from qeff_codegen.errors import Location, Refusal
from qeff_codegen.generated_model import GeneratedModel

TABLE = "_match_string_replace_method"


def check_no_name_matches(model: GeneratedModel, transforms: str) -> None:
    """No class that the model builds, and that stays as it is, has a name that the checkout gives methods to.

    A class with a generated one in its place is called otherwise by then.

    Args:
        transforms: the text of `pytorch_transforms.py`.

    Raises:
        Refusal: there is one: it would run a `forward` that was written for another class.
    """
    replaced = {entry.upstream_class for entry in model.mappings}
    built = set(_built(model)) - replaced
    for name, line in _names(tree_of(transforms, TRANSFORMS)):
        if name in built:
            raise Refusal(
                f"`{model.whole_class}` builds a `{name}` that is not generated, and the checkout gives every "
                "class of that name methods written by hand for another one",
                rule=RULE,
                location=Location(TRANSFORMS.as_posix(), line, transforms.splitlines()[line - 1]),
                expected=f"a `{TABLE}` without the names of classes that the model builds",
                next_step="map the class that it is meant for in another way, or leave the model out",
            )


def _names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name in such a table, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == TABLE for target in targets):
                for key in node.value.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, key.lineno


def _built(model: GeneratedModel) -> Iterator[str]:
    """Names of the classes that the model may build: its file's, and what these call, such as `nn.RMSNorm`."""
    file = read_modeling_file(model.upstream)
    for cls in mentioned(file, file.classes[model.whole_class]):
        yield cls.name
        for node in ast.walk(cls.node):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name):
                yield called.id
            elif isinstance(called, ast.Attribute) and ast.unparse(called.value) != "self":
                yield called.attr
