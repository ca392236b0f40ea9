"""`inspect`: roles, places, reasons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model
from tests.cli.terminal import STYLE, in_terminal
from tests.imports import ROOT


def test_every_role_is_shown_with_place_and_reason(run: Callable[..., Result], tmp_path: Path) -> None:
    outcome = run("inspect", "blueprint")
    assert outcome.exit_code == 0
    title, *rows = outcome.stdout.splitlines()
    assert title == "blueprint: recognised"
    upstream = find_model("blueprint")
    lines = upstream.source.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("class BlueprintAttention("))
    attention = rows.index("  attention: BlueprintAttention")
    path, _, number = rows[attention + 1].strip().rpartition(":")
    assert Path(path).read_text().splitlines()[int(number) - 1].startswith("class BlueprintAttention("), "it opens"
    assert int(number) == line
    assert rows[attention + 2].startswith("    its forward calls `cache.update(")
    causal_lm = rows.index("  causal LM: BlueprintForCausalLM")
    assert rows[causal_lm + 2] == "    the one class that inherits GenerationMixin and returns logits", "no table"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("width", [50, 80, 130])
def test_a_terminal_keeps_names_and_places_whole(width: int) -> None:
    shown = in_terminal(width, "-m", "qeff_codegen", "inspect", "blueprint")
    lines = STYLE.sub("", shown).splitlines()
    name = lines.index("  rotary embedding: BlueprintRotaryEmbedding")
    assert lines[name + 1].strip() == "qeff_codegen/examples/blueprint/modeling_blueprint.py:53"
    assert (ROOT / "qeff_codegen/examples/blueprint/modeling_blueprint.py").as_uri() in shown, "a link of the terminal"
    reasons = [line for line in lines if line.startswith("    ") and ".py:" not in line]
    assert max(map(len, reasons)) <= width


def test_a_place_in_a_release_that_is_not_unpacked_is_named(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "modeling_toy.py").write_text(find_model("llama").source.replace("from ...", "from transformers."))
    outcome = run("inspect", "toy", "--source", "modeling_toy.py")
    assert "    modeling_toy.py:" in outcome.stdout


def test_a_file_that_does_not_parse_is_refused_with_its_line(run: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "modeling_toy.py").write_text("x = 1\nclass Toy(:\n")
    outcome = run("inspect", "toy", "--source", "modeling_toy.py")
    assert outcome.exit_code == 3
    assert outcome.stdout == ""
    assert outcome.stderr == (
        "Error: refused by parse: the upstream file is not valid Python: invalid syntax\n"
        "  at       modeling_toy.py:2\n"
        "  source   class Toy(:\n"
        "  next     check that the path names a modeling_*.py file for Python 3\n"
    )


def test_everything_in_the_way_is_listed_with_the_roles_that_are_there(run: Callable[..., Result]) -> None:
    outcome = run("inspect", "rwkv", "--all")
    assert (outcome.exit_code, outcome.stderr) == (3, "")
    assert "  causal LM: RwkvForCausalLM\n" in outcome.stdout
    assert "  decoder layer: RwkvBlock\n" in outcome.stdout
    assert "\nrwkv: 1 in the way\n  refused by anatomy: `RwkvSelfAttention` keeps a state" in outcome.stdout


def test_rules_go_on_after_one_that_refuses(run: Callable[..., Result], tmp_path: Path) -> None:
    """Two constructs that two rules do not understand are both told, where generating stops at the first."""
    text = find_model("llama").source.replace("from ...", "from transformers.")
    text = text.replace("emb.cos()", "emb.cosh()").replace(
        "attn_weights + attention_mask", "attn_weights * attention_mask"
    )
    (tmp_path / "modeling_toy.py").write_text(text)
    outcome = run("inspect", "toy", "--source", "modeling_toy.py", "--all")
    assert outcome.exit_code == 3
    assert outcome.stdout.count("\n  refused by ") == 2
    stopped = run("toy", "--source", "modeling_toy.py")
    assert stopped.stderr.count("refused by ") == 1


def test_nothing_in_the_way_is_said_with_the_number_of_rules(run: Callable[..., Result]) -> None:
    outcome = run("inspect", "blueprint", "--all")
    assert outcome.exit_code == 0
    fired = sum(count > 0 for _, count in generate_model(find_model("blueprint")).rules)
    assert outcome.stdout.endswith(
        f"\nblueprint: nothing in the way\nblueprint: {fired} rules would change something\n"
    )
