"""Everything that recognition can say of a file in which something is in its way: all obstacles, and all roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.attention_functions import find_attention_functions
from qeff_codegen.anatomy.attentions import find_attentions
from qeff_codegen.anatomy.causal_lm import find_causal_lm, why_causal_lm
from qeff_codegen.anatomy.decoder_layers import find_decoder_layers, find_model
from qeff_codegen.anatomy.embeddings import find_embeddings
from qeff_codegen.anatomy.known_gaps import FINDERS
from qeff_codegen.anatomy.mentions import mentioned
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.recognise import anatomy_of, norms_among, reachable_from
from qeff_codegen.anatomy.refusing import refusal
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.anatomy.rotary import find_rotary_embeddings
from qeff_codegen.anatomy.state_mixers import find_state_mixers
from qeff_codegen.errors import Refusal
from qeff_codegen.generated_model import CAUSAL_LM, RoleFound

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class WhatIsThere:
    """What recognition can say of a file.

    Attributes:
        roles: all that can be found by themselves.
        obstacles: all that is in the way of recognition; nothing is in a good file.
        anatomy: who is who, where the call path is understood to its end, though there may be gaps; None elsewhere.
    """

    roles: tuple[RoleFound, ...]
    obstacles: tuple[Refusal, ...]
    anatomy: Anatomy | None


def what_is_there(file: ModelingFile) -> WhatIsThere:
    """Go on after every refusal; what one hides is looked for all the same, and may follow from it."""
    look = _Looking(file)
    anatomy = None
    causal_lm = look.at(lambda: find_causal_lm(file))
    if causal_lm is not None:
        look.at_gaps(causal_lm)
        anatomy = look.at(lambda: anatomy_of(file, causal_lm))
        look.at_parts(causal_lm)
    return WhatIsThere(look.roles, look.obstacles, anatomy)


class _Looking:
    """What was found so far."""

    def __init__(self, file: ModelingFile) -> None:
        self._file = file
        self._roles: dict[tuple[str, str], RoleFound] = {}
        self._obstacles: dict[str, Refusal] = {}

    @property
    def roles(self) -> tuple[RoleFound, ...]:
        return tuple(sorted(self._roles.values(), key=lambda role: role.line))

    @property
    def obstacles(self) -> tuple[Refusal, ...]:
        return tuple(self._obstacles.values())

    def at(self, find: Callable[[], _Found]) -> _Found | None:
        """What `find` gives; None where it refuses, which is kept."""
        try:
            return find()
        except Refusal as refused:
            self._obstacles.setdefault(str(refused), refused)
            return None

    def at_gaps(self, causal_lm: ModelingClass) -> None:
        """Every shape for which no rule has the idea."""
        classes = mentioned(self._file, causal_lm)
        for find in FINDERS:
            if (gap := find(self._file, causal_lm, classes)) is not None:
                refused = refusal(self._file, gap.what, gap.line, gap.expected, gap.next_step)
                self._obstacles.setdefault(str(refused), refused)

    def at_parts(self, causal_lm: ModelingClass) -> None:
        """Every part, each where those that lead to it are found."""
        file = self._file
        self._keep(CAUSAL_LM, causal_lm, why_causal_lm(file, causal_lm))
        reachable = tuple(reachable_from(file, causal_lm))
        for part in self.at(lambda: find_rotary_embeddings(file, reachable)) or ():
            self._keep(str(part.role), part.cls, part.because)
        for norm in norms_among(file, reachable):
            self._keep(str(Role.RMS_NORM), norm.cls, (f"computes {norm.kind}",))
        found = self.at(lambda: find_model(file, causal_lm))
        if found is None:
            return
        called_as, model = found
        self._keep(str(Role.MODEL), model, (f"`{causal_lm.name}` calls it as `{called_as}`",))
        for part in self.at(lambda: find_embeddings(file, model)) or ():
            self._keep(str(part.role), part.cls, part.because)
        for layer in self._layers(model):
            self._keep(str(Role.DECODER_LAYER), layer, (f"`{model.name}` loops over it",))
            attentions = self.at(lambda layer=layer: find_attentions(file, layer)) or ()  # type: ignore[misc]
            mixers = self.at(lambda layer=layer: find_state_mixers(file, layer)) or ()  # type: ignore[misc]
            for part in (*attentions, *mixers):
                self._keep(str(part.role), part.cls, part.because)
            functions = self.at(lambda attentions=attentions: find_attention_functions(file, attentions))  # type: ignore[misc]
            for name in functions[0] if functions is not None else ():
                role = RoleFound(
                    str(Role.ATTENTION_FUNCTION), name, file.functions[name].lineno, ("an attention calls it",)
                )
                self._roles.setdefault((role.role, name), role)

    def _layers(self, model: ModelingClass) -> Iterator[ModelingClass]:
        found = self.at(lambda: find_decoder_layers(self._file, model))
        yield from found[1] if found is not None else ()

    def _keep(self, role: str, cls: ModelingClass, because: tuple[str, ...]) -> None:
        self._roles.setdefault((role, cls.name), RoleFound(role, cls.name, cls.node.lineno, because))
