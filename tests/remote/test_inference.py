"""Text and programs from a checkpoint with code of its own: what the code itself would have said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from qeff_codegen.remote_code.load import load_remote_classes
from qeff_codegen.remote_code.source import find_remote_source
from qeff_codegen.tiny_models.models import randomise
from tests.remote.conftest import Run
from tests.remote.pebble import CONFIG, write_pebble

WORDS = ["<end>", *(f"w{number}" for number in range(63))]
SIZES = {"vocab_size": len(WORDS), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "eos_token_id": 0}
HERE = ("--source", "pebble", "--trust-remote-code", "--generated", "generated")
NEW_TOKENS = 6


@pytest.fixture
def checkpoint(run: Run, tmp_path: Path) -> Path:
    """Pebble's folder with weights and a tokenizer, and its generated code beside it."""
    folder = write_pebble(tmp_path / "pebble", config={**SIZES, "bos_token_id": None})
    assert run("pebble", "--source", "pebble").exit_code == 0
    classes = load_remote_classes(find_remote_source("pebble", folder, None, tmp_path / "generated"), trusted=True)
    config = classes.config_class.from_pretrained(folder)
    torch.manual_seed(0)
    model = classes.causal_lm_class(config)
    randomise(model, seed=3)
    model.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved/model.safetensors").rename(folder / "model.safetensors")
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    return folder


@pytest.mark.parametrize("runtime", ["pytorch", "onnxruntime"])
def test_the_text_is_that_of_the_model(run: Run, checkpoint: Path, tmp_path: Path, runtime: str) -> None:
    source = find_remote_source("pebble", checkpoint, None, tmp_path / "generated")
    classes = load_remote_classes(source, trusted=True)
    model = classes.causal_lm_class.from_pretrained(
        checkpoint, config=classes.config_class.from_pretrained(checkpoint)
    )
    tokens = [WORDS.index(word) for word in ("w1", "w2", "w3")]
    expected: list[str] = []
    for _ in range(NEW_TOKENS):
        with torch.no_grad():
            following = int(model.eval()(torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax())
        tokens.append(following)
        expected.append(WORDS[following])
    sizes = ("--generation-len", str(NEW_TOKENS), "--ctx-len", "32", "--prefill-seq-len", "8", "--runtime", runtime)
    outcome = run("infer", "pebble", *HERE, "--prompt", "w1 w2 w3", *sizes)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.split() == expected


def test_a_program_of_the_checkpoint_and_one_without_weights(run: Run, checkpoint: Path) -> None:
    options = ("--ctx-len", "32", "--prefill-seq-len", "8", "--output", "programs")
    outcome = run("compile", "pebble", *HERE, *options, "--use-onnx-subfunctions")
    assert outcome.exit_code == 0, outcome.output
    assert "random" not in outcome.stdout
    (checkpoint / "model.safetensors").unlink()
    outcome = run("compile", "pebble", *HERE, *options)
    assert outcome.exit_code == 0, outcome.output
    assert "random     the weights: a tiny pebble, to see what is compiled; its program says nothing" in outcome.stdout


def test_weights_that_are_incomplete(run: Run, checkpoint: Path) -> None:
    (checkpoint / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    outcome = run("compile", "pebble", *HERE)
    assert outcome.exit_code == 2
    assert "pebble lacks model-1.safetensors." in outcome.stderr


def test_the_folder_alone_says_how_it_is_run(run: Run, checkpoint: Path) -> None:
    assert CONFIG["model_type"] == "pebble"
    outcome = run("infer", str(checkpoint), "--prompt", "w1")
    assert outcome.exit_code == 2
    assert f"`python -m qeff_codegen NAME --source {checkpoint}` generates it, and NAME --source" in outcome.stderr
