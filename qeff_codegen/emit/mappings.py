"""Entries for the mapping file: which upstream class becomes which of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from qeff_codegen.engine.draft import Draft
from qeff_codegen.generated_model import MappingEntry
from qeff_codegen.targets.target import PREFIX
from qeff_codegen.upstream.source import UpstreamModel


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


def as_defined(entries: Iterable[MappingEntry], upstream: UpstreamModel) -> tuple[MappingEntry, ...]:
    """The entries, with upstream's classes as they are called in the modules that define them."""
    found: list[MappingEntry] = []
    for entry in entries:
        module, name = upstream.definition(entry.upstream_class)
        elsewhere = entry.upstream_class in upstream.elsewhere
        found.append(replace(entry, upstream_class=name, upstream_module=module if elsewhere else None))
    return tuple(found)
