"""Follow what experts run on a CPU where upstream chooses by device: the reference runs there.

Experts of 4.x loop on a CPU, and compute all experts for every token elsewhere: the same sum, with another need for
memory. Later rules know the loop.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.pattern_rule import FactsRule


class CpuBranch(FactsRule):
    why = "By device upstream chooses between two ways to the same sum; the reference is computed on a CPU."
    roles = (Role.EXPERTS,)
    facts = {"$_.device.type == 'cpu'": True, "$_.device.type != 'cpu'": False}
