"""Who is who in one modeling file: the result of recognition, read by every rule."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.rms_norm import NormKind
from qeff_codegen.anatomy.roles import BESIDE, CALL_PATH, INNERMOST, Role
from qeff_codegen.anatomy.vocabulary import CACHE
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.generated_model import RoleFound


@dataclass(frozen=True)
class Part:
    """A class with a role on the call path, or the rotary embedding.

    Attributes:
        called_as: how the part before it on the call path spells the call, such as `self.self_attn` or
            `decoder_layer`; several when it is built under several attributes.
        cache_parameter: the name its forward gives the KV cache, whatever upstream calls it.
        alternatives: other implementations of the same module, which a loaded model may hold instead.
        entries: methods that others call beside forward.
        called_inside: how an attention, or another state mixer, spells the call of a state mixer that it builds.
    """

    role: Role
    cls: ModelingClass
    because: tuple[str, ...]
    called_as: tuple[str, ...] = ()
    cache_parameter: str = ""
    alternatives: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    called_inside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The upstream class name."""
        return self.cls.name

    @property
    def forward(self) -> ast.FunctionDef:
        """The part's forward, which recognition made sure of."""
        assert self.cls.forward is not None
        return self.cls.forward


@dataclass(frozen=True)
class Norm:
    """A class whose arithmetic is a known RMS norm."""

    cls: ModelingClass
    kind: NormKind


@dataclass(frozen=True)
class Anatomy:
    """All roles of one modeling file.

    Attributes:
        path: the parts on the call path, causal LM first; several decoder layers or attentions may stand side by side.
        embeddings: classes that look up tokens and positions for the model.
        rotary: classes that turn position_ids into cos and sin.
        experts: classes that loop over the experts a token was routed to, or over the adapters of rows.
        norms: RMS norms whose arithmetic is recognised.
        attention_functions: module-level functions the attention hands its mask to, by name.
        mask_parameters: for each attention function and each method that takes the mask, the parameter's name.
        reachable: every class of the file that the causal LM builds, directly or not.
    """

    file: ModelingFile
    path: tuple[Part, ...]
    embeddings: tuple[Part, ...]
    rotary: tuple[Part, ...]
    experts: tuple[Part, ...]
    norms: tuple[Norm, ...]
    attention_functions: tuple[str, ...]
    mask_parameters: dict[str, str]
    reachable: tuple[str, ...] = field(default=())

    @cached_property
    def replaced(self) -> tuple[Part, ...]:
        """Every part whose class is replaced by a generated one."""
        return (*self.path, *self.embeddings, *self.rotary, *self.experts)

    def parts(self, role: Role) -> tuple[Part, ...]:
        """The parts that have `role`."""
        return tuple(part for part in self.replaced if part.role is role)

    @property
    def causal_lm(self) -> Part:
        """The one causal LM."""
        return self.parts(Role.CAUSAL_LM)[0]

    @property
    def model(self) -> Part:
        """The one model: embeddings, decoder layers or the stack of them, final norm."""
        return self.parts(Role.MODEL)[0]

    def part(self, class_name: str) -> Part | None:
        """The part a class plays, if any."""
        return next((part for part in self.replaced if part.name == class_name), None)

    def callees(self, role: Role) -> dict[str, Part]:
        """The calls a part of `role` makes to the next parts of the call path, by how they are spelled.

        Of several parts that may be called in the same spelling it is the first; see `candidates`.
        """
        return {call: parts[0] for call, parts in self.candidates(role).items()}

    def candidates(self, role: Role) -> dict[str, tuple[Part, ...]]:
        """All the parts that each of those calls may be of: the layers of a list, or what a layer chose when made."""
        roles = [item for item in CALL_PATH if item not in BESIDE and self.parts(item)]
        following: set[Role] = {after for before, after in pairwise(roles) if before is role}
        if role is Role.DECODER_LAYER:
            following.add(Role.STATE_MIXER)
        found: dict[str, tuple[Part, ...]] = {}
        for part in self.path:
            # A layer may be called by the loop, and by another layer that holds it.
            held = part.role is role is Role.DECODER_LAYER
            for call in part.called_as if part.role in following or held else ():
                if not held or call.startswith("self."):
                    found[call] = (*found.get(call, ()), part)
            for call in part.called_inside if role in INNERMOST else ():
                found[call] = (*found.get(call, ()), part)
        return found

    def calls(self, role: Role, tree: ast.AST) -> list[tuple[ast.Call, tuple[Part, ...]]]:
        """The calls below `tree` that a part of `role` makes to the next parts, with the parts that each may be of.

        Where a layer may have made another module in their place, which keeps nothing, that one's call is the one
        that is not handed the cache.
        """
        candidates = self.candidates(role)
        found = [(call, candidates.get(spelled(call.func), ())) for call in find(ast.Call, tree)]
        others = self._called_like_others
        return [
            (call, parts)
            for call, parts in found
            if parts and (spelled(call.func) not in others or _is_handed_cache(call, parts))
        ]

    @cached_property
    def _called_like_others(self) -> frozenset[str]:
        """Spellings by which a decoder layer calls a part, or another module that it made in the part's place."""
        on_path = {part.name for part in self.path}
        return frozenset(
            f"self.{attribute}"
            for layer in self.parts(Role.DECODER_LAYER)
            for attribute, names in layer.cls.built.items()
            if not on_path.isdisjoint(names) and not on_path.issuperset(names)
        )

    def mixer_called(self, call: ast.Call, code: Code) -> Part | None:
        """The state mixer that a decoder layer calls, if it does.

        Where an attention may stand in its place, the call is the attention's that takes a tuple apart.
        """
        parts = dict(self.calls(Role.DECODER_LAYER, call)).get(call, ())
        mixers = [part for part in parts if part.role is Role.STATE_MIXER]
        statement = code.parent(call)
        takes_one = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        return mixers[0] if mixers and (len(parts) == len(mixers) or takes_one) else None

    def returned_count(self, part: Part) -> int | None:
        """How many values a part's forward returns as a tuple; None when it returns something else.

        A name that is bound to a tuple once counts as the tuple; what is appended to it when attention weights are
        asked for does not count, and neither do the others of the next part's results, `(x,) + results[1:]`, or the
        cache, which a rule of its own returns. A call of the next part that is returned as it is counts as what that
        returns.
        """
        bound: dict[str, list[ast.expr]] = {}
        for node in sorted(find(ast.Assign, part.forward), key=lambda item: item.lineno):
            if isinstance(node.targets[0], ast.Name):
                bound.setdefault(node.targets[0].id, []).append(node.value)
        callees = self.callees(part.role)
        counts: set[int | None] = set()
        for returned in find(ast.Return, part.forward):
            value = returned.value
            if isinstance(value, ast.Name) and (values := bound.get(value.id, [])):
                value = values[0] if len(values) == 1 else _put_in_front(values) or value
            if isinstance(value, ast.BinOp) and _are_others(value.right, bound):
                value = value.left
            if isinstance(value, ast.Call) and (callee := callees.get(spelled(value.func))) is not None:
                counts.add(self.returned_count(callee))
            else:
                items = value.elts if isinstance(value, ast.Tuple) else None
                counts.add(None if items is None else sum(spelled(item) != part.cache_parameter for item in items))
        return counts.pop() if len(counts) == 1 else None

    def found(self) -> tuple[RoleFound, ...]:
        """Every role with its place and reasons, as `inspect` shows them."""
        rows = [RoleFound(str(part.role), part.name, part.cls.node.lineno, part.because) for part in self.replaced]
        rows += [
            RoleFound(str(Role.RMS_NORM), norm.cls.name, norm.cls.node.lineno, (f"computes {norm.kind}",))
            for norm in self.norms
        ]
        rows += [
            RoleFound(
                str(Role.ATTENTION_FUNCTION),
                name,
                self.file.functions[name].lineno,
                (f"takes the attention mask as `{self.mask_parameters[name]}`",),
            )
            for name in self.attention_functions
        ]
        return tuple(sorted(rows, key=lambda row: row.line))


def _is_handed_cache(call: ast.Call, parts: tuple[Part, ...]) -> bool:
    names = {CACHE, *(part.cache_parameter for part in parts)}
    return any(isinstance(node, ast.Name) and node.id in names for node in find(ast.Name, call))


def _put_in_front(values: list[ast.expr]) -> ast.BinOp | None:
    """The last of what a local is bound to, if it is `(<items>,) + <itself>`."""
    last = values[-1]
    return last if isinstance(last, ast.BinOp) and isinstance(last.left, ast.Tuple) else None


def _are_others(value: ast.expr, bound: dict[str, list[ast.expr]]) -> bool:
    """Whether something is `<results>[1:]`, or a local that is that, and at most added to or put behind items."""
    values = bound.get(value.id, []) if isinstance(value, ast.Name) else [value]
    if len(values) > 1 and _put_in_front(values) is not None:
        values = values[:-1]
    return (
        bool(values)
        and isinstance(values[0], ast.Subscript)
        and spelled(values[0].slice) == "1:"
        and all(isinstance(item, ast.BinOp) and spelled(item.left) == spelled(value) for item in values[1:])
    )
