"""The mapping file as text: entries, where they come from, and their lines."""

from __future__ import annotations

from qeff_codegen.check.mapping_lines import Imported, MappingLine, entries_in

TEXT = """\
from pear import PearModel, PearModel as Twin
from runtime import Norm
from .pear.modeling_pear import QEffPearModel

OTHER = {1: 2}


class KVCacheTransform(Base):
    other = {1: 2}
    _module_mapping = {
        PearModel: QEffPearModel,
        Twin: Norm,
        Unknown: some.where,
        **OTHER,
    }
"""


def test_entries() -> None:
    found = entries_in(TEXT)
    assert found is not None
    ours = Imported(".pear.modeling_pear", "QEffPearModel")
    assert found.entries == (
        MappingLine("KVCacheTransform", Imported("pear", "PearModel"), ours, 11),
        MappingLine("KVCacheTransform", Imported("pear", "PearModel"), Imported("runtime", "Norm"), 12),
        MappingLine("KVCacheTransform", Imported("", "Unknown"), Imported("", "some.where"), 13),
        MappingLine("KVCacheTransform", Imported("", "**"), Imported("", "OTHER"), 14),
    )
    assert found.starts == {"KVCacheTransform": 10}


def test_what_is_no_python_has_no_entries() -> None:
    assert entries_in("class :") is None
    assert entries_in("\0") is None
