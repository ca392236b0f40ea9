"""`generate`: what is printed, what is written, and what several names mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from qeff_codegen.checked_in.manifest import package_of
from qeff_codegen.generate.one_model import generate_model, rule_summaries
from qeff_codegen.upstream.find import find_model

FILES = (
    "__init__.py",
    "blueprint/__init__.py",
    "blueprint/modeling_blueprint.py",
    "manifest.json",
    "pytorch_transforms.py",
)


def written_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def broken_file(folder: Path) -> Path:
    path = folder / "modeling_broken.py"
    path.write_text("class Broken(:\n")
    return path


def test_it_prints_roles_rules_files_and_the_next_command(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("generate", "blueprint")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    model = generate_model(find_model("blueprint"))
    for role in model.roles:
        assert re.search(rf"^  {role.role} +{role.name} +{role.line}$", outcome.stdout, re.MULTILINE)
    for rule, count in model.rules:
        shown = re.search(rf"^  {rule} +(\d+) +(.+)$", outcome.stdout, re.MULTILINE)
        assert (shown and shown.groups()) == ((str(count), rule_summaries()[rule]) if count else None)
    for name in FILES:
        assert f"\nwritten    generated/{name}\n" in outcome.stdout
    assert outcome.stdout.endswith("\nnext       python -m qeff_codegen validate blueprint\n")
    assert written_below(tmp_path / "generated") == list(FILES)
    assert (tmp_path / "generated/blueprint/modeling_blueprint.py").read_text() == model.code


def test_a_rule_that_changed_nothing_is_not_shown(run: Callable[..., Result]) -> None:
    idle = [rule for rule, count in generate_model(find_model("blueprint")).rules if not count]
    assert idle, "blueprint does not need every rule"
    assert [rule for rule in idle if f" {rule} " in run("blueprint").stdout] == []


def test_the_release_of_transformers_is_named(run: Callable[..., Result]) -> None:
    upstream = find_model("gpt2")
    first = run("gpt2").stdout.splitlines()[0]
    assert first == f"gpt2: recognised in {upstream.display_path} (transformers {upstream.version})"


def test_the_next_command_names_another_folder_as_a_shell_needs_it(run: Callable[..., Result]) -> None:
    outcome = run("blueprint", "--output", "my models")
    assert outcome.stdout.endswith("\nnext       python -m qeff_codegen validate blueprint --generated 'my models'\n")


def test_a_second_run_changes_nothing(run: Callable[..., Result], tmp_path: Path) -> None:
    run("blueprint")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "generated").rglob("*")}
    outcome = run("blueprint")
    assert outcome.exit_code == 0
    assert outcome.stdout == (
        "unchanged  blueprint: 4 files are as they would be written\n"
        "next       python -m qeff_codegen validate blueprint\n"
    )
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "generated").rglob("*")} == before


def test_all_that_is_current_is_one_line(run: Callable[..., Result]) -> None:
    run("gpt2", "blueprint")
    outcome = run("generate", "--all")
    assert outcome.stdout.splitlines()[0] == "unchanged  all 2 models: 6 files are as they would be written"


def test_quiet_says_what_went_wrong_and_nothing_else(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("blueprint", "--quiet").output == ""
    assert (tmp_path / "generated/blueprint/modeling_blueprint.py").is_file()
    assert run("blueprint", "--quiet").output == ""
    assert run("generate", "--all", "--quiet").output == ""
    outcome = run("clip", "blueprint", "--quiet")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert outcome.stderr.startswith("clip: refused by ")


def test_a_model_whose_file_was_deleted_is_said_to_be_dropped(run: Callable[..., Result], tmp_path: Path) -> None:
    run("gpt2")
    (tmp_path / "generated/gpt2/modeling_gpt2.py").unlink()
    outcome = run("blueprint")
    assert outcome.exit_code == 0
    assert "\ndropped    gpt2: its modeling file is gone" in outcome.stdout
    assert "gpt2" not in (tmp_path / "generated/pytorch_transforms.py").read_text()


def test_a_name_given_twice_is_generated_once(run: Callable[..., Result]) -> None:
    outcome = run("blueprint", "blueprint")
    assert outcome.stdout.count("blueprint: recognised") == 1


def test_refused_names_write_nothing_and_the_others_are_written(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("blueprint", "clip", "gpt2")
    assert outcome.exit_code == 3
    assert outcome.stderr.startswith("clip: refused by upstream: ")
    assert "\n  expected " in outcome.stderr
    assert "validate blueprint gpt2\n" in outcome.stdout
    assert sorted(path.name for path in (tmp_path / "generated").iterdir() if path.is_dir()) == ["blueprint", "gpt2"]


def test_the_worst_exit_code_wins_in_any_order(run: Callable[..., Result]) -> None:
    assert run("clip", "lama").exit_code == 3
    assert run("lama", "clip").exit_code == 3
    assert run("lama", "blueprint").exit_code == 2


def test_an_unknown_name_comes_with_near_names_and_the_version(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("lama")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith(f"lama: transformers {find_model('llama').version} has no model `lama`.")
    assert "llama" in outcome.stderr.partition("Near names:")[2]
    assert list(tmp_path.iterdir()) == []


def test_one_message_for_several_names_is_printed_once(run: Callable[..., Result]) -> None:
    outcome = run("llama", "gpt2", "--source", "nowhere")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("llama, gpt2: ")
    assert outcome.stderr.count("nowhere") == 1


def test_a_refused_file_writes_nothing(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("broken", "--source", str(broken_file(tmp_path)))
    assert outcome.exit_code == 3
    assert outcome.stderr.startswith("broken: refused by parse: the upstream file is not valid Python")
    assert outcome.stdout == ""
    assert not (tmp_path / "generated").exists()


def test_a_single_file_is_one_model(run: Callable[..., Result], tmp_path: Path) -> None:
    path = broken_file(tmp_path)
    outcome = run("one", "two", "--source", str(path))
    assert outcome.exit_code == 2
    assert outcome.stderr == f"Error: --source {path} is one modeling file, and 2 names are given; give one.\n"


def test_a_single_file_is_generated_under_the_given_name(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "modeling_remote.py").write_text(find_model("llama").source.replace("from ...", "from transformers."))
    outcome = run("mine", "--source", "modeling_remote.py")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith("mine: recognised in modeling_remote.py\n")
    code = (tmp_path / "generated/mine/modeling_mine.py").read_text()
    assert "# Code generated by qeff_codegen from modeling_remote.py. DO NOT EDIT." in code
    assert not re.search(r"^(from|import) modeling_remote", code, re.MULTILINE), "which nothing can import"


def edit(path: Path) -> str:
    text = path.read_text() + "\nEDITED = True\n"
    path.write_text(text)
    return text


def test_a_file_edited_by_hand_is_kept_and_the_other_models_are_written(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    run("blueprint")
    path = tmp_path / "generated/blueprint/modeling_blueprint.py"
    text = edit(path)
    outcome = run("blueprint", "gpt2")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("blueprint: generated/blueprint/modeling_blueprint.py was edited by hand;")
    assert "--- on disk\n+++ regenerated\n" in outcome.stderr, "as in `check`"
    assert "-EDITED = True" in outcome.stderr
    assert "--force" in outcome.stderr
    assert path.read_text() == text
    assert (tmp_path / "generated/gpt2/modeling_gpt2.py").is_file()
    assert outcome.stdout.endswith("validate gpt2\n")


def test_force_overwrites_an_edit(run: Callable[..., Result], tmp_path: Path) -> None:
    run("blueprint")
    path = tmp_path / "generated/blueprint/modeling_blueprint.py"
    edit(path)
    outcome = run("blueprint", "--force")
    assert outcome.exit_code == 0
    assert "written    generated/blueprint/modeling_blueprint.py" in outcome.stdout
    assert "EDITED" not in path.read_text()


@pytest.mark.parametrize("names", [("blueprint",), ("blueprint", "gpt2")])
def test_an_output_that_is_a_file_is_one_message(
    run: Callable[..., Result], tmp_path: Path, names: tuple[str, ...]
) -> None:
    (tmp_path / "taken").write_text("mine")
    outcome = run(*names, "--output", "taken")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith(f"{', '.join(names)}: ")
    assert "taken" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_refusals_are_reported_even_when_nothing_can_be_written(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    outcome = run("clip", "blueprint", "--output", "taken")
    assert outcome.exit_code == 3
    assert "clip: refused by " in outcome.stderr
    assert "blueprint: " in outcome.stderr


def test_all_generates_what_is_there_again(run: Callable[..., Result], tmp_path: Path) -> None:
    run("gpt2", "blueprint")
    edit(tmp_path / "generated/gpt2/modeling_gpt2.py")
    (tmp_path / "generated/blueprint/modeling_blueprint.py").unlink()
    outcome = run("generate", "--all", "--force")
    assert outcome.exit_code == 0, outcome.stderr
    generated, written, last = (
        [line for line in outcome.stdout.splitlines() if line.startswith(word)]
        for word in ("generated ", "written ", "next ")
    )
    assert [line.split()[1] for line in generated] == ["blueprint:", "gpt2:"]
    assert [line.split()[1] for line in written] == [
        "generated/blueprint/modeling_blueprint.py",
        "generated/gpt2/modeling_gpt2.py",
    ]
    assert last == ["next       python -m qeff_codegen validate NAME..."]


@pytest.mark.parametrize("arguments", [("generate",), ("generate", "--all", "gpt2")])
def test_names_or_all(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert outcome.exit_code == 2
    assert outcome.stderr == "Error: Give the names of models, or --all for those that are generated already.\n"


def test_all_of_nothing_is_said(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("generate", "--all")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    where = tmp_path / "generated"
    assert f"Error: {where} holds no generated models, so there is nothing to generate again.\n" in outcome.stderr


def test_families_of_one_class_share_a_package(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("gpt-sw3", "gpt2")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith("gpt-sw3: its causal LM, GPT2LMHeadModel, is generated as `gpt2`\n")
    assert [path.parent.name for path in tmp_path.glob("generated/*/modeling_*.py")] == ["gpt2"]
    assert package_of("gpt-sw3", tmp_path / "generated") == "gpt2"
    assert package_of("gpt_sw3", tmp_path / "generated") == "gpt2"
    assert package_of("llama", tmp_path / "generated") == "llama"
