"""How tokens get positions of several kinds: by time, height and width for those of an image.

Positions are made on the host, from the sizes of a prompt's images, and given to the language program. Upstream makes
them where it is given none: those of a prompt by a method that knows the images, those of what follows by counting on
from there, `rope_deltas` ahead of the place in the text.

    if position_ids is None:
        position_ids = self.compute_3d_position_ids(input_ids=input_ids, image_grid_thw=image_grid_thw, ...)
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, parameters, self_attribute
from qeff_codegen.codemod.calls import bound_arguments
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.image_text.handed_on import check_undecorated
from qeff_codegen.image_text.known_statements import refusal
from qeff_codegen.patterns.match import Match, match
from qeff_codegen.patterns.pattern import Pattern

_MADE = Pattern("if position_ids is None:\n    position_ids = $made(...)")
_OF_PROMPT = Pattern("position_ids, $ahead = $made(...)")
# Of a prompt, of what follows it, and of text alone, for which the text model counts.
_IN_ALL_CASES = Pattern("""
if $can and (self.rope_deltas is None or $cached == 0):
    position_ids, $ahead = $made(...)
    self.rope_deltas = $ahead
elif self.rope_deltas is not None and ($cached > 0 or input_ids is None):
    $rows, $tokens, $_ = inputs_embeds.shape
    if attention_mask is not None:
        ...
    else:
        position_ids = torch.arange($cached, $cached + $tokens)
        position_ids = position_ids.view(1, 1, -1).expand($kinds, $rows, -1).to(...)
    $delta = self.rope_deltas.repeat_interleave($rows // self.rope_deltas.shape[0], dim=0)
    position_ids = position_ids + {$delta.to(...), $delta}
else:
    position_ids = None
""")
_KINDS = Pattern("position_ids = {torch.zeros($kinds, ...), torch.ones($kinds, ...)}")
# What goes before: how many tokens are cached, and whether there is what positions of images are made of.
_CACHED = Pattern("$cached = 0 if $cache is None else $cache.get_seq_length()")
_HAS_IMAGES = Pattern("$has = image_grid_thw is not None or video_grid_thw is not None")
_CHECK = Pattern("if $_:\n    raise $_")
_CAN = Pattern(
    "$can = input_ids is not None and mm_token_type_ids is not None"
    " and {$has, (image_grid_thw is not None or video_grid_thw is not None)}"
)
# What the method for a prompt is given: its tokens, which of them are an image's, and the grids of images.
_GIVEN = ("input_ids", "mm_token_type_ids", "image_grid_thw")


@dataclass(frozen=True)
class Sections:
    """How positions of several kinds are made.

    Attributes:
        method: the model's method that makes those of a prompt, and says how far what follows is ahead of its place.
        kinds: how many kinds there are.
    """

    method: ast.FunctionDef
    kinds: str


def sections_of(
    file: ModelingFile, model: ModelingClass, statements: Sequence[ast.stmt]
) -> tuple[Sections | None, list[ast.stmt]]:
    """How the forward of `model` makes positions of several kinds, if it does, and its other statements.

    Raises:
        Refusal: they are made in a way that is not known.
    """
    made = [(item, found) for item in statements if (found := match(_MADE, item)) is not None]
    if len(made) != 1:
        return None, list(statements)
    statement, found = made[0]
    assert isinstance(statement, ast.If) and isinstance(statement.body[0], ast.Assign)
    call = statement.body[0].value
    assert isinstance(call, ast.Call)
    method = model.methods.get(self_attribute(call.func) or "")
    of_prompt = None
    if method is not None and _hands_its_own(call, method):
        check_undecorated(file, method, f"{model.name}.{method.name}")
        of_prompt = _of_prompt(model, method)
    kinds = None if of_prompt is None else _kinds(of_prompt)
    if of_prompt is None or kinds is None:
        raise refusal(
            file,
            f"`{model.name}.forward` makes positions by `{spelled(call)}`",
            statement.lineno,
            f"`{_OF_PROMPT}` for a prompt, of {', '.join(_GIVEN)}, and `self.rope_deltas` more than counted after it",
        )
    return Sections(of_prompt, kinds), [item for item in statements if item is not statement]


def _hands_its_own(call: ast.Call, method: ast.FunctionDef) -> bool:
    """Whether a call hands each argument by its own name, and all that positions are made of."""
    given = bound_arguments(call, parameters(method)) or {}
    is_own = all(spelled(value) == name for name, value in given.items())
    return is_own and {*_GIVEN, "inputs_embeds"} <= set(given)


def _of_prompt(model: ModelingClass, method: ast.FunctionDef) -> ast.FunctionDef | None:
    """The method for a prompt, where `method` calls it, keeps what it says is ahead, and counts on with that."""
    if len(method.body) < 2:
        return None
    *before, cases, last = method.body
    in_all = match(_IN_ALL_CASES, cases)
    if in_all is None or match(Pattern("return position_ids"), last) is None or not _are_known(before, in_all):
        return None
    made = [item for item in find(ast.Assign, cases) if match(_OF_PROMPT, item) is not None]
    if len(made) != 1:
        return None
    (node,) = made
    assert isinstance(node.value, ast.Call)
    found = model.methods.get(self_attribute(node.value.func) or "")
    given = None if found is None else bound_arguments(node.value, parameters(found))
    if found is None or given is None or any(spelled(given.get(name, node)) != name for name in _GIVEN):
        return None
    needed = parameters(found)[: len(parameters(found)) - len(found.args.defaults)]
    return found if set(needed) <= set(_GIVEN) else None


def _are_known(before: Sequence[ast.stmt], cases: Match) -> bool:
    """Whether what goes before the cases says what their names are called after, and no more."""
    bound, left = cases.bound, {"cached": _CACHED, "can": _CAN}
    for statement in before:
        has = match(_HAS_IMAGES, statement, known=bound)
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if has is not None:
            bound = has.bound
        elif not is_text and match(_CHECK, statement) is None:
            name = next((name for name in left if match(left[name], statement, known=bound) is not None), None)
            if name is None:
                return False
            del left[name]
    return not left


def _kinds(method: ast.FunctionDef) -> str | None:
    """How many rows the positions have."""
    made = [found for node in find(ast.Assign, method) if (found := match(_KINDS, node)) is not None]
    return made[0].spelled("kinds") if len(made) == 1 and isinstance(made[0]["kinds"], ast.Constant) else None
