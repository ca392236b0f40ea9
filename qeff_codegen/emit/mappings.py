"""Entries for the mapping file: which upstream class becomes which of ours."""

from __future__ import annotations

from qeff_codegen.engine.draft import Draft
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.target import PREFIX


def mapping_entries(draft: Draft) -> tuple[MappingEntry, ...]:
    """What rules have mapped themselves, and every class on the call path, in upstream's order."""
    name = draft.anatomy.file.upstream.name
    module = draft.target.modeling_module.format(name=name)
    parts = sorted(draft.anatomy.replaced, key=lambda part: part.cls.node.lineno)
    return (
        *draft.mappings,
        *(
            MappingEntry("KVCacheTransform", name, PREFIX + part.name, module)
            for part in parts
            for name in (part.name, *part.alternatives)
        ),
    )
