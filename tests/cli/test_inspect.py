"""`inspect`: roles, places, reasons."""

from __future__ import annotations

import re
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
    assert "\nrwkv: 2 in the way, and a later one may follow from an earlier\n" in outcome.stdout
    assert "\n  refused by anatomy: `RwkvSelfAttention` keeps a state" in outcome.stdout
    assert outcome.stdout.endswith("\nrwkv: rules were not tried, since it is not known who calls whom\n")


def test_rules_are_tried_where_the_way_of_the_cache_is_understood(run: Callable[..., Result]) -> None:
    """A refused shape beside it hides neither roles nor what rules would refuse, and how many would fire is said."""
    stopped = run("doge")
    assert stopped.exit_code == 3
    assert stopped.stderr.count("refused by ") == 1
    assert stopped.stderr.endswith("\nnext       python -m qeff_codegen inspect doge --all\n")
    outcome = run("inspect", "doge", "--all")
    roles = re.findall(r"^  ([\w ]+): Doge\w+$", outcome.stdout, re.MULTILINE)
    assert {"RMS norm", "rotary embedding", "attention", "decoder layer", "model", "causal LM"} <= set(roles)
    assert "\n  refused by anatomy: " in outcome.stdout and "\n  refused by boolean_mask: " in outcome.stdout
    assert re.search(r"\ndoge: \d\d rules would change something\n$", outcome.stdout)


def test_of_an_image_text_model_the_class_with_the_head_is_known(run: Callable[..., Result]) -> None:
    outcome = run("inspect", "molmo2", "--all")
    assert outcome.exit_code == 3
    assert "  image-text model: Molmo2ForConditionalGeneration\n" in outcome.stdout
    assert "\nmolmo2: 1 in the way\n  refused by image_text: " in outcome.stdout


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
