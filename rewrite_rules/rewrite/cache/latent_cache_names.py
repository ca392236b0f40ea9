"""Say by which names the graph knows what is cached, where that is a latent and not keys and values.

The contract calls a compressed cache `compressed_kv`, from which values are expanded, and `k_pe`, the part of the
keys that is rotated apart. The attention is asked for them when the graph is exported, in the order in which it gives
them to the cache: the one that values come from stands second.

A target whose export knows keys and values of one shape only cannot have such a model.
"""

from __future__ import annotations

from qeff_codegen.anatomy.latents import UPDATE, expanded_latents
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.draft import Draft
from qeff_codegen.engine.rule import Rule


class LatentCacheNames(Rule):
    why = "A compressed cache has names of its own in the graph: `compressed_kv` and `k_pe`."
    roles = (Role.ATTENTION,)
    names = ("update",)
    construct = f"`<a>, <b> = {UPDATE}(<a>, <b>, ...)`, then `<keys>, <values> = self.<expand>(<a>, <b>)`"

    def apply(self, draft: Draft) -> None:
        classes = draft.anatomy.file.classes
        found = [
            function
            for function in draft.functions
            if self.applies_to(function)
            and function.is_forward
            and function.owner in classes
            and expanded_latents(function.code.tree, classes[function.owner].methods) is not None
        ]
        for function in found:
            if not draft.target.own_caches:
                raise self.refuse(draft, function, f"the target `{draft.target.name}` exports no cache of latents")
            assert function.owner is not None
            draft.add_method(
                function.owner,
                "def kv_cache_names(self) -> tuple[str, str]:\n"
                '    """Names in the graph of what the cache keeps in the place of keys and values."""\n'
                '    return "k_pe", "compressed_kv"\n',
                self.id,
            )
        draft.matches[self.id] = len(found)
