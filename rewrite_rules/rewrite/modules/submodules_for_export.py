"""Name the classes that repeat, so that an export can make one ONNX function of each."""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.targets.target import PREFIX


class SubmodulesForExport(Rule):
    why = "An export with subfunctions asks the causal LM which layer classes repeat."
    roles = (Role.CAUSAL_LM,)
    construct = "the decoder layer classes"

    def apply(self, draft: Draft) -> None:
        layers = ", ".join(f"{PREFIX}{part.name}" for part in draft.anatomy.parts(Role.DECODER_LAYER))
        draft.add_method(
            draft.anatomy.causal_lm.name,
            "def get_submodules_for_export(self) -> set[type[nn.Module]]:\n"
            '    """Classes of the repeated layers; each becomes one ONNX function."""\n'
            f"    return {{{layers}}}\n",
            self.id,
        )
        draft.matches[self.id] = 1
