"""Image-text models: exporting the two programs of a tiny LLaVA, and decoding a token with an image in the cache.

The first is compared with transformers' own exporter on the same model, as optimum-onnx 0.1.0 has no LLaVA. Of what
it decomposes a model into for `generate`, the decoder is counted that takes a prompt or a token, and beside it the
vision tower, which it leaves in the whole; both of fixed sizes, where ours are open. The second is compared with the
graph for text of the same text model.
"""

from __future__ import annotations

import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime as ort
import torch
from transformers import LlamaForCausalLM, LlavaConfig, LlavaForConditionalGeneration
from transformers.exporters.configs import OnnxConfig
from transformers.exporters.exporter_onnx import OnnxExporter
from transformers.exporters.utils import decompose_for_generation

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.decoding.image_prompts import WithImages
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.vision_export import export_vision, image_shape
from qeff_codegen.tiny_models.image_families import build_image_config, find_image_family, image_variants
from qeff_codegen.tiny_models.models import build_tiny_model
from qeff_codegen.validation.process_settings import one_thread, quiet_upstream
from tests.benchmarks.timing import ROOT, BenchmarkError, Measurement, Size, seconds_of

EXPORT_GOAL, DECODE_GOAL = 0.7, 1.05
CTX_LEN = 64
TEXT: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 512,
    "intermediate_size": 1536,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "vocab_size": 4096,
    "max_position_embeddings": 1024,
}
SMALLEST: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "vocab_size": 128}
# The same numbers are made of the same tokens.
TOLERANCE = 1e-4


def measure(size: Size) -> Iterator[Measurement]:
    """Exporting, and decoding."""
    quiet_upstream()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore")
        yield _exporting(size, Path(folder))
        yield _decoding(size, Path(folder))


def _exporting(size: Size, folder: Path) -> Measurement:
    family = find_image_family("llava")
    assert family is not None
    config = build_image_config(family, image_variants(family)[0])
    upstream = build_tiny_model(family.model_class, config, seed=0)
    ours = load_transforms("llava", ROOT / "generated").apply(build_tiny_model(family.model_class, config, seed=0))
    encoder, decoder = ours.get_qeff_vision_encoder().eval(), ours.get_qeff_language_decoder().eval()
    pixels = torch.zeros(2, *image_shape(config))
    (tokens,) = {row.shape[0] for row in upstream.get_image_features(pixels, return_dict=True).pooler_output}
    prompt = torch.tensor([[*[config.image_token_id] * tokens, 1, 2]] * 2)
    inputs = {"input_ids": prompt, "attention_mask": torch.ones_like(prompt), "pixel_values": pixels}

    def export() -> None:
        export_vision(encoder, folder / "vision.onnx")
        export_onnx(decoder, folder / "language.onnx", ExportSpec(ctx_len=CTX_LEN, images=True))

    parts = decompose_for_generation(upstream, inputs, multi_token_decode=True)
    needed = {"decode": parts["decode"], "vision_tower": (upstream.model.vision_tower, {"pixel_values": pixels})}
    exporter, fixed_sizes = OnnxExporter(), OnnxConfig(dynamic=False)

    def theirs() -> None:
        # It says on standard output what it does.
        with redirect_stdout(io.StringIO()):
            for name, (part, arguments) in needed.items():
                program, _ = exporter.export_program(part, arguments, config=fixed_sizes)
                exporter.save_program(program, folder / f"{name}.onnx")

    # The first export of a process prepares the exporter.
    mine, other = _shortest(export, theirs, size.of(2, 1))
    return Measurement(
        "export both programs of a tiny LLaVA",
        mine,
        "transformers' exporter, with fixed sizes",
        other,
        EXPORT_GOAL,
    )


def _shortest(one: Callable[[], None], other: Callable[[], None], rounds: int) -> tuple[float, float]:
    """The shortest times of both, in turns, after one of each that does not count."""
    for call in (one, other):
        call()
    pairs = [(seconds_of(one), seconds_of(other)) for _ in range(rounds)]
    mine, theirs = (min(times) for times in zip(*pairs, strict=True))
    return mine, theirs


def _decoding(size: Size, folder: Path) -> Measurement:
    embeds, steps = size.of(256, 8), size.of(48, 2)
    text = TEXT | size.of({}, SMALLEST)
    image_token = text["vocab_size"] - 1
    settings: dict[str, Any] = {"text_config": text, "image_token_id": image_token, "attn_implementation": "eager"}
    config: Any = LlavaConfig(**settings)
    config.vision_config.update({"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "image_size": 28})
    whole = LlavaForConditionalGeneration(config).eval()
    alone = LlamaForCausalLM(config.text_config).eval()
    alone.model.load_state_dict(whole.model.language_model.state_dict())
    alone.lm_head.load_state_dict(whole.lm_head.state_dict())
    ctx_len = embeds + steps + 8
    decoder = load_transforms("llava", ROOT / "generated").apply(whole).get_qeff_language_decoder().eval()
    with_images = export_onnx(decoder, folder / "images.onnx", ExportSpec(ctx_len=ctx_len, images=True))
    alone = load_transforms("llama", ROOT / "generated").apply(alone)
    text_only = export_onnx(alone, folder / "text.onnx", ExportSpec(ctx_len=ctx_len))

    generator = np.random.default_rng(0)
    tokens = generator.integers(0, image_token, (1, embeds + steps))
    prompt = [image_token] * embeds
    # What text tokens are embedded as, so that both compute the same numbers.
    image = whole.get_input_embeddings()(torch.from_numpy(tokens[:, :embeds]))[0].detach().numpy()
    seeing = WithImages(_session(with_images, ctx_len), [prompt], [image], image_token)
    reading = _session(text_only, ctx_len)
    positions = np.arange(embeds + steps)[None]
    seeing.run(np.array([prompt]), positions[:, :embeds])
    reading.run(tokens[:, :embeds], positions[:, :embeds])
    times = []
    for at in range(embeds, embeds + steps):
        call = tokens[:, at : at + 1], positions[:, at : at + 1]
        before = time.thread_time()
        mine = seeing.run(*call)
        between = time.thread_time()
        theirs = reading.run(*call)
        times.append((between - before, time.thread_time() - between))
        if not np.abs(mine - theirs).max() <= TOLERANCE * theirs.std():
            raise BenchmarkError("the sides gave other logits, so their speeds say nothing")
    one, other = (min(each) for each in zip(*times, strict=True))
    return Measurement("decode a token with an image in the cache", one, "the graph for text", other, DECODE_GOAL)


def _session(graph: Path, ctx_len: int) -> OrtDecoderSession:
    """One row, on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    with mock.patch.object(ort, "InferenceSession", partial(ort.InferenceSession, sess_options=options)):
        return OrtDecoderSession(graph, 1, ctx_len)
