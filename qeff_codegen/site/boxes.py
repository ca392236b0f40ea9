"""A model as boxes in boxes, from embedding to logits: who holds whom, on which line, and what was changed there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.generated_model import CAUSAL_LM
from qeff_codegen.review.changes import Hunk
from qeff_codegen.review.facts import Review
from qeff_codegen.review.sections import sections
from qeff_codegen.targets.target import PREFIX

EMBEDDING = "embedding"
FINAL_NORM = "final norm"
LM_HEAD = "LM head"
# Roles of an image-text model, in the order in which an image passes through them.
IMAGE_TEXT_MODEL = "image-text model"
IMAGE_PARTS = ("vision tower", "projector", "image features", "image token", "text model")
# In a class: what positions become, what tokens become, the layers with what they hold, and what follows them.
_ORDER = (
    Role.ROTARY_EMBEDDING,
    Role.EMBEDDINGS,
    EMBEDDING,
    *IMAGE_PARTS,
    Role.MODEL,
    Role.LAYER_STACK,
    Role.DECODER_LAYER,
    Role.RMS_NORM,
    Role.ATTENTION_WRAPPER,
    Role.ATTENTION,
    Role.STATE_MIXER,
    Role.INDEXER,
    FINAL_NORM,
    LM_HEAD,
)
# What hidden states pass through, one after the other.
_FLOW = frozenset(
    {Role.EMBEDDINGS, EMBEDDING, *IMAGE_PARTS, Role.MODEL, Role.LAYER_STACK, Role.DECODER_LAYER, FINAL_NORM, LM_HEAD}
)


@dataclass(frozen=True)
class Box:
    """One part of the model.

    Attributes:
        role: what it does.
        name: its class or function, or the attribute that it is.
        line: where it is defined in upstream's file, or built.
        hunks, added, removed: what rules changed of it, in hunks and in lines.
        state: what becomes of it where no rule changed a line: left as it is, generated anew, or replaced by
            a class of the runtime.
        place: the fragment of the review page that shows it.
        inside: the parts that it holds.
    """

    role: str
    name: str
    line: int
    hunks: int = 0
    added: int = 0
    removed: int = 0
    state: str = "unchanged"
    place: str = "recognised"
    inside: tuple[Box, ...] = ()

    @property
    def flows(self) -> bool:
        """Whether hidden states pass through it on their way from embedding to logits."""
        return self.role in _FLOW

    @property
    def change(self) -> str:
        """What is changed of it, in short."""
        return f"+{self.added} −{self.removed}" if self.hunks else self.state


def boxes(review: Review) -> tuple[Box, ...]:
    """The outermost boxes, each with those inside it; every role that was recognised is in at least one."""
    return _Picture(review).outermost()


class _Picture:
    def __init__(self, review: Review) -> None:
        self._review = review
        self._roles = {role.name: role for role in review.model.roles}
        tree = ast.parse(review.model.upstream.source)
        self._definitions = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        self._generated = {section.name for section in sections(review.model, review.changes)}
        self._replaced = {entry.upstream_class: entry.replacement for entry in review.model.mappings}

    def outermost(self) -> tuple[Box, ...]:
        named = {name: self._named(name) for name in self._roles}
        # What a part of it holds already is not drawn beside that part once more.
        held = {
            name: [other for other in names if not _is_deeper(other, name, named)] for name, names in named.items()
        }
        inner = {name for names in held.values() for name in names}
        tops = [name for name in self._roles if name not in inner]
        # Upstream's file defines the outermost class last, and what it does not name stands before it.
        outermost = tops[-1:] if tops else list(self._roles)[-1:]
        left = [name for name in tops if name not in outermost]
        holder = next((name for name in self._roles if self._roles[name].role == Role.MODEL), outermost[0])
        held[holder] = [*held[holder], *(name for name in left if name != holder)]
        return tuple(self._box(name, held, ()) for name in outermost)

    def _box(self, name: str, held: dict[str, list[str]], around: tuple[str, ...]) -> Box:
        role = self._roles[name]
        inside = [self._box(other, held, (*around, name)) for other in held[name] if other not in (*around, name)]
        inside += self._unnamed(name, role.role)
        own = [(number, hunk) for number, hunk in enumerate(self._review.hunks, 1) if hunk.name.split(".")[0] == name]
        return Box(
            role.role,
            name,
            role.line,
            len(own),
            sum(len(hunk.generated) for _, hunk in own),
            sum(len(hunk.upstream) for _, hunk in own),
            *self._state(name, own),
            tuple(sorted(inside, key=_place_in_class)),
        )

    def _state(self, name: str, own: Sequence[tuple[int, Hunk]]) -> tuple[str, str]:
        """What becomes of a class, and where the review page shows it."""
        if own:
            return "changed", f"hunk-{own[0][0]}"
        if name in self._generated:
            return "generated", f"def-{name}"
        if name in self._replaced:
            return "generated" if self._replaced[name] == PREFIX + name else "replaced", "mapping"
        return "unchanged", "recognised"

    def _named(self, name: str) -> list[str]:
        """The roles that a class or function names, itself or through classes that have none."""
        found: dict[str, None] = {}
        seen, waiting = {name}, [name]
        while waiting:
            node = self._definitions.get(waiting.pop(0))
            for other in _named(node) if node is not None else ():
                if other in seen:
                    continue
                seen.add(other)
                if other in self._roles:
                    found[other] = None
                elif other in self._definitions:
                    waiting.append(other)
        return list(found)

    def _unnamed(self, name: str, role: str) -> Iterator[Box]:
        """What has no role of its own: embedding, final norm and head, where upstream builds them."""
        node = self._definitions.get(name)
        built = list(_built(node)) if isinstance(node, ast.ClassDef) else []
        kinds = []
        if role == Role.MODEL and not any(item.role == Role.EMBEDDINGS for item in self._roles.values()):
            kinds += [(EMBEDDING, *item) for item in built if _embeds(item[1])]
        if role in (Role.MODEL, Role.LAYER_STACK):
            kinds += [(FINAL_NORM, *item) for item in built if "Norm" in item[1]]
        if role in (CAUSAL_LM, IMAGE_TEXT_MODEL):
            kinds += [(LM_HEAD, *item) for item in built if item[1] == "Linear" or "Head" in item[1]][-1:]
        for kind, attribute, cls, line in kinds:
            state, place = self._state(cls, ())
            yield Box(kind, attribute, line, state=state, place=place)


def _named(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    for statement in node.body:
        for part in ast.walk(statement):
            if isinstance(part, ast.Name):
                yield part.id


def _built(node: ast.ClassDef) -> Iterator[tuple[str, str, int]]:
    """Each `self.<attribute> = <class>(...)` of a class: attribute, last part of the class's name, line."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Call):
            target, made = part.targets[0], part.value.func
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                yield f"self.{target.attr}", ast.unparse(made).split(".")[-1], part.lineno


def _is_deeper(name: str, holder: str, named: Mapping[str, Sequence[str]]) -> bool:
    """Whether another part of `holder`, which does not name `holder` in turn, names it too."""
    return any(name in named[part] and holder not in named[part] for part in named[holder])


def _embeds(cls: str) -> bool:
    return cls.endswith("Embedding") and "Rotary" not in cls and "Position" not in cls


def _place_in_class(box: Box) -> tuple[int, int]:
    known = [str(role) for role in _ORDER]
    # What is not in the order is part of a layer: experts, helper functions.
    return (known.index(box.role) if box.role in known else known.index(FINAL_NORM) - 1, box.line)
