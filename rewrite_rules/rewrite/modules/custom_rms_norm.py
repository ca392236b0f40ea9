"""Map RMS norms to the compiler's own operator.

Only norms whose arithmetic is recognised are mapped, `w * x / rms(x)` and `(1 + w) * x / rms(x)`, each to the module
that the target has for it; any other norm stays upstream's module, which exports as it is.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.target import RMS_NORMS


class CustomRmsNorm(Rule):
    why = "The compiler has an operator for RMS norm; a norm with that arithmetic is one node."
    roles = (Role.RMS_NORM,)
    construct = "a class whose forward computes one of the two known RMS norms"

    def apply(self, draft: Draft) -> None:
        for norm in draft.anatomy.norms:
            replacement = RMS_NORMS[norm.kind]
            module = draft.target.modules[replacement]
            draft.mappings.append(MappingEntry("CustomOpsTransform", norm.cls.name, replacement, module))
        draft.matches[self.id] = len(draft.anatomy.norms)
