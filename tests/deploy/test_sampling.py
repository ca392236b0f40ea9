"""A graph that samples: asked for, refused, written for the compiler, and the same text wherever it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner, Result

from qeff_codegen.cli.main import main
from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM
from qeff_codegen.errors import UsageError

PROMPTS = ("w1 w2 w3", "w9", "w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 w16 w17", "w9")
SIZES = ("--generation-len", "9", "--prefill-seq-len", "8", "--ctx-len", "64")
DRAWN = ("--include-sampler", "--temperature", "1.5", "--top-p", "0.95", "--repetition-penalty", "1.2", "--seed", "3")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QEFF_CODEGEN_CACHE", str(tmp_path))


def infer(checkpoint: Path, *arguments: str) -> Result:
    words = [word for prompt in PROMPTS for word in ("--prompt", prompt)]
    return CliRunner(catch_exceptions=False).invoke(main, ["infer", str(checkpoint), *words, *SIZES, *arguments])


def test_a_seed_gives_one_text_wherever_it_is_drawn(checkpoint: Path) -> None:
    drawn = infer(checkpoint, *DRAWN)
    assert drawn.exit_code == 0, drawn.output
    for arguments in (
        ("--runtime", "pytorch"),
        ("--full-batch-size", "2", "--use-onnx-subfunctions"),
        ("--full-batch-size", "3", "--runtime", "pytorch"),
        ("--comp-ctx-lengths-prefill", "16", "--comp-ctx-lengths-decode", "24"),
    ):
        assert infer(checkpoint, *DRAWN, *arguments).stdout == drawn.stdout
    other = infer(checkpoint, *DRAWN, "--seed", "4")
    assert other.stdout != drawn.stdout
    # Two prompts that are the same are drawn apart.
    texts = drawn.stdout.split("\n\n")
    assert texts[1] != texts[3]


def test_temperature_0_gives_the_greedy_text(checkpoint: Path) -> None:
    greedy = infer(checkpoint)
    assert infer(checkpoint, "--include-sampler", "--temperature", "0").stdout == greedy.stdout
    assert infer(checkpoint, "--include-sampler", "--top-k", "1").stdout == greedy.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--temperature", "0.5"), "--temperature: without --include-sampler the likeliest token is always taken"),
        (("--max-top-k-ids", "8"), "--max-top-k-ids: without --include-sampler the graph gives logits"),
        (("--include-sampler", "--top-p", "0"), "top_p is 0.0: it must be above 0 and at most 1"),
        (("--include-sampler", "--temperature", "-1"), "temperature is -1.0: it must be 0 or more"),
        (("--include-sampler", "--max-top-k-ids", "65"), "max_top_k_ids is 65: it must be between 1 and 64"),
        (("--include-sampler", "--prompt-lookup-num-tokens", "2"), "num_speculative_tokens is 2 and include_sampler"),
        (("--include-sampler", "--prefill-seq-len", "1"), "prefill_seq_len is 1 and include_sampler is given"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(checkpoint: Path, arguments: tuple[str, ...], message: str) -> None:
    result = infer(checkpoint, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("options", [{}, {"full_batch_size": 4, "use_onnx_subfunctions": True}])
def test_the_compiler_gets_a_graph_that_samples(checkpoint: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    qaic_config = {"include_sampler": True, "return_pdfs": True, "max_top_k_ids": 32}
    model = QEFFAutoModelForCausalLM.from_pretrained(
        str(checkpoint), "full_batch_size" in options, qaic_config=qaic_config
    )
    program = model.compile(tmp_path, **options)
    assert program.compiled
    (graph,) = tmp_path.glob("*/model.onnx")
    outputs = [output.name for output in onnx.load(graph).graph.output]
    assert outputs[:2] == ["probs", "next_tokens"]


@pytest.mark.parametrize(
    ("qaic_config", "message"),
    [
        ({"include_samplers": True}, "`include_samplers` in it, which is not read here. Known are include_sampler"),
        ({"speculative_model_type": "target"}, "Give compile num_speculative_tokens"),
    ],
)
def test_an_unknown_key_is_refused_by_name(checkpoint: Path, qaic_config: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        QEFFAutoModelForCausalLM.from_pretrained(str(checkpoint), qaic_config=qaic_config)
