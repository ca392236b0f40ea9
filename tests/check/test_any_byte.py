"""Any one byte, in any file that is managed, is found when it changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qeff_codegen.check.run import check
from qeff_codegen.errors import UsageError

MANAGED = (
    "manifest.json",
    "pytorch_transforms.py",
    "gpt2/modeling_gpt2.py",
    "blueprint/modeling_blueprint.py",
)


@pytest.fixture(scope="module")
def copy(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(pristine, tmp_path_factory.mktemp("copy") / "generated"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(MANAGED), place=st.integers(0, 10**9), byte=st.integers(0, 255))
def test_any_byte(copy: Path, no_transformers: None, name: str, place: int, byte: int) -> None:
    """Offline, so that nothing but the folder itself can tell; what the manifest says cannot all be fetched."""
    path = copy / name
    content = path.read_bytes()
    index = place % len(content)
    changed = content[:index] + bytes([byte]) + content[index + 1 :]
    path.write_bytes(changed)
    try:
        found = bool(check(copy, ()).findings)
    except UsageError:
        found = True
    finally:
        path.write_bytes(content)
    assert found == (changed != content)
