"""Names and statements that would mean something else in the generated file than in upstream's.

A function is copied into another module: what it says of its own module must be sayable there too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from qeff_codegen.anatomy.modeling_file import ModelingFile
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.errors import Refusal
from qeff_codegen.targets.target import PREFIX, Target

RULE = "emit"
# Names that rules write themselves, with all that a file may mean by them.
_WRITTEN_BY_RULES = {
    "torch": {"torch"},
    "nn": {"torch.nn"},
    "Cache": {"transformers.cache_utils.Cache", "transformers.Cache"},
}


def refuse_bound_to_its_module(draft: Draft, functions: Iterable[Function]) -> None:
    """Refuse an emitted function that speaks of the module or class it stands in.

    Raises:
        Refusal: it calls `super()`, binds names of its module, imports relatively, or imports a module that rules
            know by another name.
    """
    for item in functions:
        if item.added:
            continue
        what, node, next_step = _bound_to_its_module(item, draft.anatomy.file)
        if what:
            location = draft.location(item, node)
            raise Refusal(f"`{item.qualified_name}` {what}", rule=RULE, location=location, next_step=next_step)


def _bound_to_its_module(function: Function, file: ModelingFile) -> tuple[str, ast.AST | None, str]:
    code = function.code
    if "super" in code.names:
        what = "calls `super()`, which means another class in the class that replaces it"
        return what, None, "a rule must name the class that is meant"
    for declared in code.nodes(ast.Global):
        bound = sorted(set(declared.names) & code.names_bound)
        if bound:
            what = f"binds `{bound[0]}` in its module, which for the generated function is another one"
            return what, declared, "keep what is counted or chosen in the module's own attributes"
    for statement in code.nodes(ast.ImportFrom):
        if statement.level:
            what = "imports relatively, which leads elsewhere from the generated file"
            return what, statement, "import it by its absolute name, or at the top of the file"
    imports: list[ast.Import | ast.ImportFrom] = [*code.nodes(ast.Import), *code.nodes(ast.ImportFrom)]
    for node in imports:
        hidden = sorted({alias.asname or alias.name.split(".")[0] for alias in node.names} & file.bindings.keys())
        if hidden:
            what = f"imports `{hidden[0]}`, which is something else at the top of the file"
            return what, node, "call one of them by another name"
    torch = {name for name, full in file.aliases.items() if full.split(".")[0] == "torch"}
    own = sorted(torch & {*code.names_bound, *code.parameters})
    if own:
        return (
            f"calls something of its own `{own[0]}`, as the file calls a part of torch",
            None,
            "give it another name",
        )
    return "", None, ""


def refuse_other_meanings(names: Iterable[str], defined: Iterable[str], file: ModelingFile, target: Target) -> None:
    """Refuse names of the generated code that upstream's file has for something else.

    Args:
        names: what the code reads from its module.
        defined: what it defines.

    Raises:
        Refusal: upstream binds a name that rules or emission bring in.
    """
    for name in sorted(names):
        meant = _WRITTEN_BY_RULES.get(name)
        if meant is not None and file.aliases.get(name) not in meant and name in file.bindings:
            raise _refused(name, f"generated code means {min(meant)} by `{name}`", file)
        other = name in file.bindings and file.imports.get(name) != (target.modules.get(name), name)
        if name in target.modules and other and not _is_made_for_itself(name, file):
            raise _refused(name, f"generated code means {target.modules[name]}.{name} by `{name}`", file)
    for name in sorted(defined):
        if name.startswith(PREFIX) and name in file.bindings:
            raise _refused(name, f"generated code calls a class `{name}`", file)


def _is_made_for_itself(name: str, file: ModelingFile) -> bool:
    """Whether only `__init__` methods bind and read a name of the module: nothing that is emitted speaks of it."""
    made = [cls.methods["__init__"] for cls in file.classes.values() if "__init__" in cls.methods]
    inside = {node for method in made for node in ast.walk(method)}
    named = (node for node in find(ast.Name, file.tree) if node.id == name)
    declared = all(isinstance(item.node, ast.Global) and item.node in inside for item in file.bindings[name])
    return declared and all(node in inside for node in named)


def _refused(name: str, what: str, file: ModelingFile) -> Refusal:
    return Refusal(
        f"{what}, and upstream's file something else",
        rule=RULE,
        location=file.location(file.bindings[name][-1].node.lineno),
        next_step="one of them needs another name",
    )


def refuse_unsure(name: str, file: ModelingFile) -> None:
    """Refuse a name that upstream's file binds on some of its ways only, where the generated file would import it.

    Raises:
        Refusal: it does.
    """
    bound = file.bindings.get(name)
    if bound:
        raise Refusal(
            f"generated code would import `{name}`, which upstream's module does not always have, or does not keep",
            rule=RULE,
            location=file.location(bound[-1].node.lineno),
            expected=f"`{name}` bound at the top of the file for good, or on every way through `if` and `try`",
            next_step="bind it on every way, to None where it is missing, as in `except ImportError: name = None`",
        )
