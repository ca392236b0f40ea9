"""Damage done by hand: each is named, and the command that the report ends with mends it."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from tests.check.conftest import GPT2, Run, edit, mend

CURRENT = "current       2 models, with mapping entries and manifest\n"
MANIFEST = "generated/manifest.json"
MAPPING = "generated/pytorch_transforms.py"


def line_of(path: Path, text: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_nothing_changed(folder: Path, run: Run) -> None:
    outcome = run("check")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (
        0,
        CURRENT,
        "checking   everything in generated\n",
    )


def test_it_writes_nothing(folder: Path, run: Run) -> None:
    (folder / GPT2).write_text("x = 1\n")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert run("check").exit_code == 1
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_edited_file(folder: Path, run: Run) -> None:
    line = line_of(folder / GPT2, "class QEffGPT2Model(")
    edit(folder / GPT2, "class QEffGPT2Model(GPT2Model):", "class QEffGPT2Model(GPT2Model):  # mine")
    outcome = run("check")
    assert outcome.exit_code == 1
    assert outcome.stdout.splitlines()[0] == (
        f"gpt2: edited by hand (bytes differ): generated/{GPT2}:{line} is not what was written there"
    )
    assert "\n-class QEffGPT2Model(GPT2Model):  # mine\n+class QEffGPT2Model(GPT2Model):\n" in outcome.stdout
    assert outcome.stdout.endswith(
        "not current   1 edited by hand; 2 models checked\n"
        "mend          python -m qeff_codegen generate gpt2 --force\n"
    )
    mend(run, outcome)


def test_a_file_put_back_to_an_older_version(folder: Path, run: Run) -> None:
    older = "\n".join(line for line in (folder / GPT2).read_text().splitlines() if "comp_ctx" not in line)
    (folder / GPT2).write_text(older)
    outcome = run("check", "gpt2")
    assert "gpt2: edited by hand (bytes differ): " in outcome.stdout
    mend(run, outcome)


@pytest.mark.parametrize("name", [GPT2, "pytorch_transforms.py"])
def test_line_endings(folder: Path, run: Run, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    outcome = run("check")
    assert f"edited by hand (bytes differ): generated/{name}" in outcome.stdout
    assert "\\r\n" in outcome.stdout
    mend(run, outcome)


def test_an_initializer_that_is_not_empty(folder: Path, run: Run) -> None:
    (folder / "gpt2/__init__.py").write_text("import os\n")
    outcome = run("check")
    assert "gpt2: edited by hand: generated/gpt2/__init__.py:1 is not empty" in outcome.stdout
    assert "\n-import os\n" in outcome.stdout
    mend(run, outcome)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        (GPT2, "gpt2: "),
        ("gpt2/__init__.py", "gpt2: "),
        ("gpt2", "gpt2: "),
        ("__init__.py", ""),
        ("pytorch_transforms.py", ""),
    ],
)
def test_what_is_missing(folder: Path, run: Run, name: str, model: str) -> None:
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    outcome = run("check")
    assert outcome.exit_code == 1
    shown = GPT2 if name == "gpt2" else name
    assert f"{model}missing: generated/{shown} is not there\n" in outcome.stdout
    assert outcome.stdout.splitlines()[-2] == "not current   1 missing; 2 models checked"
    mend(run, outcome)


def test_a_missing_manifest(folder: Path, run: Run) -> None:
    (folder / "manifest.json").unlink()
    outcome = run("check")
    assert outcome.exit_code == 1
    assert outcome.stdout.splitlines()[0] == (
        f"missing: {MANIFEST} is not there, so nothing is known of blueprint, gpt2"
    )
    mend(run, outcome)


@pytest.mark.parametrize("name", ["zombie/modeling_zombie.py", "gpt2/notes.txt", "notes.txt", "gpt2/.modeling.a1"])
def test_an_orphan(folder: Path, run: Run, name: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x = 1\n")
    shown = "zombie is a folder" if name.startswith("zombie") else f"{name} is a file"
    outcome = run("check")
    assert outcome.exit_code == 1
    assert f"orphan: generated/{shown} that no entry of the manifest accounts for\n" in outcome.stdout
    assert outcome.stdout.splitlines()[-2] == "not current   1 orphan; 2 models checked"
    mend(run, outcome)


def test_an_empty_folder_is_an_orphan(folder: Path, run: Run) -> None:
    (folder / "empty").mkdir()
    outcome = run("check")
    assert outcome.stdout.startswith(
        "orphan: generated/empty is a folder that no entry of the manifest accounts for\n"
    )
    mend(run, outcome)


def test_bytecode_is_no_orphan(folder: Path, run: Run) -> None:
    for name in ("__pycache__", "gpt2/__pycache__", "other_branch/__pycache__"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.pyc").write_bytes(b"")
    assert run("check").exit_code == 0


def test_a_copied_package_is_an_orphan(folder: Path, run: Run) -> None:
    shutil.copytree(folder / "gpt2", folder / "gpt3")
    outcome = run("check")
    assert "orphan: generated/gpt3 is a folder" in outcome.stdout
    mend(run, outcome)


def test_a_file_in_a_packages_place(folder: Path, run: Run) -> None:
    shutil.rmtree(folder / "gpt2")
    (folder / "gpt2").write_text("")
    outcome = run("check")
    assert "gpt2: orphan: generated/gpt2 is a file, where the model's package should be\n" in outcome.stdout
    assert f"gpt2: missing: generated/{GPT2} is not there\n" in outcome.stdout
    mend(run, outcome)


@pytest.mark.parametrize("name", [GPT2, "gpt2", "manifest.json"])
def test_a_symbolic_link_to_the_right_bytes(folder: Path, run: Run, tmp_path: Path, name: str) -> None:
    shutil.move(folder / name, tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    outcome = run("check")
    assert outcome.exit_code == 1
    assert f"edited by hand: generated/{name} is a symbolic link" in outcome.stdout
    mend(run, outcome)


def test_a_symbolic_link_to_nothing(folder: Path, run: Run) -> None:
    (folder / GPT2).unlink()
    (folder / GPT2).symlink_to("gone")
    outcome = run("check")
    assert f"missing: generated/{GPT2} is not there\n" in outcome.stdout
    mend(run, outcome)


ENTRY = "        GPT2Attention: QEffGPT2Attention,\n"


def test_a_deleted_mapping_entry(folder: Path, run: Run) -> None:
    edit(folder / "pytorch_transforms.py", ENTRY, "")
    outcome = run("check")
    start = line_of(folder / "pytorch_transforms.py", "BlueprintAttention: QEff") - 2
    assert f"gpt2: missing: {MAPPING}:{start} KVCacheTransform does not map `GPT2Attention`" in outcome.stdout
    assert f"\n+{ENTRY}" in outcome.stdout
    assert outcome.stdout.splitlines()[-2] == "not current   1 missing, 1 edited by hand; 2 models checked"
    mend(run, outcome)


def test_a_mapping_entry_that_no_model_has(folder: Path, run: Run) -> None:
    edit(folder / "pytorch_transforms.py", ENTRY, f"{ENTRY}        GPT2MLP: QEffGPT2Attention,\n")
    line = line_of(folder / "pytorch_transforms.py", "GPT2MLP")
    outcome = run("check")
    assert (
        f"gpt2: orphan: {MAPPING}:{line} KVCacheTransform maps `GPT2MLP` to `QEffGPT2Attention`, "
        "and no model has that entry\n"
    ) in outcome.stdout
    mend(run, outcome)


def test_a_mapping_entry_with_another_class(folder: Path, run: Run) -> None:
    edit(folder / "pytorch_transforms.py", ENTRY, "        GPT2Attention: QEffGPT2Block,\n")
    outcome = run("check", "gpt2")
    assert "maps `GPT2Attention` to `QEffGPT2Block`, where `QEffGPT2Attention` belongs\n" in outcome.stdout
    mend(run, outcome)


def test_a_mapping_entry_given_twice(folder: Path, run: Run) -> None:
    edit(folder / "pytorch_transforms.py", ENTRY, ENTRY * 2)
    outcome = run("check")
    assert "gpt2: orphan: " in outcome.stdout
    assert "maps `GPT2Attention` to `QEffGPT2Attention`, a second time\n" in outcome.stdout
    mend(run, outcome)


def test_entries_of_other_models_do_not_concern_a_named_one(folder: Path, run: Run) -> None:
    edit(folder / "pytorch_transforms.py", ENTRY, "")
    (folder / "zombie").mkdir()
    assert run("check", "blueprint").exit_code == 0
    assert run("check", "gpt2").exit_code == 1
    assert run("check", "zombie").exit_code == 1


def test_a_mapping_file_that_is_no_python(folder: Path, run: Run) -> None:
    (folder / "pytorch_transforms.py").write_text("class :\n")
    outcome = run("check")
    assert f"edited by hand (bytes differ): {MAPPING} is not what was written there\n" in outcome.stdout
    mend(run, outcome)


def manifest(folder: Path) -> dict[str, dict[str, dict[str, object]]]:
    document: dict[str, dict[str, dict[str, object]]] = json.loads((folder / "manifest.json").read_text())
    return document


def write_manifest(folder: Path, document: object) -> None:
    (folder / "manifest.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")


def test_a_deleted_manifest_entry(folder: Path, run: Run) -> None:
    document = manifest(folder)
    del document["models"]["gpt2"]
    write_manifest(folder, document)
    outcome = run("check")
    assert outcome.stdout.splitlines()[0] == (
        f"gpt2: missing: {MANIFEST} has no entry of gpt2, whose package is there"
    )
    assert run("check", "gpt2").exit_code == 1
    mend(run, outcome)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("families", ["gpt2"], '+    "gpt-sw3",'),
        ("generated_sha256", "0" * 64, '-  "generated_sha256": "000'),
        ("upstream_sha256", "0" * 64, '-  "upstream_sha256": "000'),
        ("rules_sha256", "0" * 64, '-  "rules_sha256": "000'),
        ("mappings", [], '-  "mappings": [],'),
        (
            "upstream_path",
            "transformers/models/gpt3/modeling_gpt3.py",
            '-  "upstream_path": "transformers/models/gpt3/',
        ),
    ],
)
def test_an_edited_manifest_entry(folder: Path, run: Run, field: str, value: object, shown: str) -> None:
    document = manifest(folder)
    document["models"]["gpt2"][field] = value
    write_manifest(folder, document)
    outcome = run("check")
    assert outcome.exit_code == 1
    line = line_of(folder / "manifest.json", '"gpt2": {')
    assert (
        "gpt2: edited by hand (manifest is behind, bytes are equal): "
        f"{MANIFEST}:{line} its entry is not what was written there\n"
    ) in outcome.stdout
    assert f"\n{shown}" in outcome.stdout
    assert outcome.stdout.splitlines()[-2] == "not current   1 edited by hand; 2 models checked"
    mend(run, outcome)


def test_a_file_and_its_hash_edited_together(folder: Path, run: Run) -> None:
    edit(folder / GPT2, "class QEffGPT2Model(GPT2Model):", "class QEffGPT2Model(GPT2Model):  # mine")
    document = manifest(folder)
    document["models"]["gpt2"]["generated_sha256"] = sha256((folder / GPT2).read_bytes()).hexdigest()
    write_manifest(folder, document)
    outcome = run("check")
    assert "its entry is not what was written there" in outcome.stdout
    assert "\n-class QEffGPT2Model(GPT2Model):  # mine\n" in outcome.stdout
    assert outcome.stdout.splitlines()[-2] == "not current   2 edited by hand; 2 models checked"
    mend(run, outcome)


def test_the_hash_of_the_mapping_file(folder: Path, run: Run) -> None:
    document = manifest(folder)
    write_manifest(folder, {**document, "pytorch_transforms_sha256": "0" * 64})
    outcome = run("check")
    assert "its pytorch_transforms_sha256 is not that of pytorch_transforms.py" in outcome.stdout
    mend(run, outcome)


def test_a_manifest_in_another_layout(folder: Path, run: Run) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest(folder), sort_keys=True))
    outcome = run("check")
    assert f"edited by hand: {MANIFEST} is not laid out as it was written\n" in outcome.stdout
    mend(run, outcome)


def test_several_at_once(folder: Path, run: Run) -> None:
    edit(folder / GPT2, "class QEffGPT2Model(GPT2Model):", "class QEffGPT2Model(GPT2Model):  # mine")
    edit(folder / "pytorch_transforms.py", ENTRY, "")
    shutil.rmtree(folder / "blueprint")
    (folder / "zombie").mkdir()
    outcome = run("check")
    assert outcome.stdout.splitlines()[-2:] == [
        "not current   2 missing, 2 edited by hand, 1 orphan; 2 models checked",
        "mend          rm -r generated/zombie && python -m qeff_codegen generate --all --force",
    ]
    mend(run, outcome)
