"""What was kept is given back as it was kept, for what it holds for, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qeff_codegen.files.kept_results import keep_result, kept_result


def test_a_result_is_kept_for_its_key(tmp_path: Path) -> None:
    path = tmp_path / "made" / "plum.json"
    assert kept_result(path, "key") is None
    keep_result(path, {"tool": "one"}, {"layers": ("full", "window")})
    assert kept_result(path, {"tool": "one"}) == {"layers": ["full", "window"]}
    assert kept_result(path, {"tool": "two"}) is None


@pytest.mark.parametrize("text", ["", "[]", "null", '{"key": "key"}', '{"key": "key", "sha256": "0", "result": 1}'])
def test_what_was_not_written_so_is_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plum.json"
    path.write_text(text)
    assert kept_result(path, "key") is None


def test_an_edited_result_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "plum.json"
    keep_result(path, "key", {"state": "refused"})
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"result": {"state": "supported"}}))
    assert kept_result(path, "key") is None
