"""What the class with the head hands its model, and what both forwards do to it without a statement.

The programs call the parts themselves: what the one forward hands the other is left out, and so are defaults and
decorators. So each argument has to be the parameter of the same name, each default None, and each decorator one that
computes nothing:

    outputs = self.model(input_ids=input_ids, pixel_values=pixel_values, ..., return_dict=True, **kwargs)
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from qeff_codegen.anatomy.hooked_into import OF_CALLS, hooked_into
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.tree import find, spelled, walk
from qeff_codegen.image_text.known_statements import refusal

# Decorators that leave alone what is computed.
_KNOWN = {
    "auto_docstring": "writes documentation",
    "add_start_docstrings_to_model_forward": "writes documentation",
    "replace_return_docstrings": "writes documentation",
    "can_return_tuple": "turns the output into a tuple on `return_dict=False`, which no program passes",
    "capture_outputs": "collects hidden states and attentions, which no program returns",
    "check_model_inputs": "collects hidden states and attentions, which no program returns",
    "merge_with_config_defaults": "fills in what is not given from the configuration, as it does where it is read",
    "deprecate_kwarg": "accepts an old keyword for a new one",
}
# Arguments that are the same in every call.
_SETTINGS = {"return_dict": "True"}
# Defaults of what no program takes.
_DEFAULTS = {"logits_to_keep": "0", "num_logits_to_keep": "0"}
# What need not be handed on, since a loss is made of it.
_UNUSED = frozenset({"labels"})


def check_handed_on(file: ModelingFile, whole: ModelingClass, attribute: str, model: ModelingClass) -> None:
    """See that the head's forward hands the model, `self.<attribute>`, what it is given, and that nothing is hidden.

    Raises:
        Refusal: it hands on something else or less, or a forward has a default or a decorator that may compute.
    """
    check_forward(file, whole)
    check_forward(file, model)
    assert whole.forward is not None and model.forward is not None
    calls = [call for call in find(ast.Call, whole.forward) if self_attribute(call.func) == attribute]
    taken, given = parameters(whole.forward), parameters(model.forward)
    for call in calls:
        plain = ast.Call(call.func, call.args, [item for item in call.keywords if item.arg is not None])
        bound = bound_arguments(plain, given) or {}
        wrong = [
            f"{name}={spelled(value)}"
            for name, value in bound.items()
            if spelled(value) != (name if name in taken else _SETTINGS.get(name))
        ]
        wrong += [f"no {name}" for name in given if name in taken and name not in bound and name not in _UNUSED]
        if wrong or not bound:
            handed = ", ".join(wrong) or spelled(call)
            raise refusal(
                file,
                f"`{whole.name}.forward` hands its model something else than it is given: {handed}",
                call.lineno,
                "each argument by its own name, `input_ids=input_ids`, and all that both take",
            )


def check_forward(file: ModelingFile, cls: ModelingClass) -> None:
    """Raises a refusal where a call of `cls` is more than the statements of its forward."""
    assert cls.forward is not None
    check_undecorated(file, cls.forward, f"{cls.name}.forward")
    check_defaults(file, cls.forward, f"{cls.name}.forward")
    _check_called_as_written(file, cls)


def _check_called_as_written(file: ModelingFile, cls: ModelingClass) -> None:
    """Raises a refusal where a call of `cls` is more than its forward."""
    found = [
        (said, node.lineno) for node in walk(cls.node) if isinstance(node, ast.expr) and (said := hooked_into(node))
    ]
    found += [
        (f"`{cls.name}` decides itself what `{name}` does", cls.methods[name].lineno)
        for name in sorted(OF_CALLS & cls.methods.keys())
    ]
    for said, line in found:
        raise refusal(file, said, line, "a forward that nothing hooks into or takes the place of")


def check_undecorated(file: ModelingFile, function: ast.FunctionDef, where: str) -> None:
    """Raises a refusal where a decorator may compute with what `function` takes or gives."""
    for decorator in function.decorator_list:
        name = spelled(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if name not in _KNOWN or name not in file.imports:
            raise refusal(
                file,
                f"`{where}` wears a decorator that may hide behaviour, `@{spelled(decorator)}`",
                decorator.lineno,
                f"one of {', '.join(f'`@{known}`' for known in sorted(_KNOWN))}, imported from transformers",
            )


def check_defaults(
    file: ModelingFile, function: ast.FunctionDef, where: str, filled: Collection[str] = frozenset()
) -> None:
    """Raises a refusal where what is not given is something else than None, which a program would not know of.

    Args:
        filled: parameters that are filled in from the configuration, whatever their defaults.
    """
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [
        (item, default)
        for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    for item, default in pairs:
        if item.arg not in filled and spelled(default) not in ("None", _DEFAULTS.get(item.arg)):
            raise refusal(
                file,
                f"`{where}` takes `{item.arg}` to be `{spelled(default)}` where it is not given",
                default.lineno,
                "None for what is not given, which the configuration's setting stands for then",
            )
