"""Tiny checkpoints of image-text models whose processors say more than pixels, with those processors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.gemma3.processing_gemma3 import Gemma3Processor
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.idefics3.processing_idefics3 import Idefics3Processor
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from qeff_codegen.tiny_models.image_families import IMAGE_TOKEN, find_image_family, image_variants
from qeff_codegen.tiny_models.models import build_tiny_model

SIDE, PATCH = 16, 4


def save_family(folder: Path, name: str) -> Path:
    """The tiny model of a family, its tokenizer of words and its processor, as a published checkpoint has them."""
    family = find_image_family(name)
    assert family is not None
    settings: dict[str, Any] = copy.deepcopy(image_variants(family)[0].overrides)
    settings["text_config"] |= {"eos_token_id": 0, "bos_token_id": None, "pad_token_id": None}
    # A head that reads embeddings would mostly give a text's last token again.
    settings |= {"tie_word_embeddings": False}
    model = build_tiny_model(family.model_class, family.config_class(**settings), seed=0)
    model.generation_config.eos_token_id = 0
    model.save_pretrained(folder)
    _PROCESSORS[name](folder)
    return folder


def _tokenizer(image: str, special: dict[int, str], named: dict[str, str] | None = None) -> PreTrainedTokenizerFast:
    """Words w0 to w158, some of them under another name, and the image token."""
    words = ["<end>", *(f"w{number}" for number in range(IMAGE_TOKEN - 1)), image]
    for place, word in special.items():
        words[place] = word
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    beside = {"additional_special_tokens": [image, *special.values()]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", **(named or {}), **beside)


def _save_qwen(folder: Path) -> None:
    # As published: the files of its parts. The part for videos has none that this environment reads.
    Qwen2VLImageProcessorPil(
        patch_size=PATCH, temporal_patch_size=2, merge_size=2, size={"shortest_edge": 8 * 8, "longest_edge": 32 * 32}
    ).save_pretrained(folder)
    _tokenizer("<|image_pad|>", {150: "<|video_pad|>"}).save_pretrained(folder)


def _save_llava_next(folder: Path) -> None:
    LlavaNextProcessor(
        LlavaNextImageProcessorPil(
            size={"shortest_edge": SIDE},
            crop_size={"height": SIDE, "width": SIDE},
            image_grid_pinpoints=[[SIDE, 2 * SIDE], [2 * SIDE, SIDE]],
        ),
        _tokenizer("<image>", {}),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)


def _save_idefics3(folder: Path) -> None:
    special = {150: "<fake_token_around_image>", 151: "<global-img>", 152: "<end_of_utterance>"}
    Idefics3Processor(
        Idefics3ImageProcessorPil(size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}),
        _tokenizer("<image>", special),
        image_seq_len=4,
    ).save_pretrained(folder)


def _save_gemma3(folder: Path) -> None:
    named = {"image_token": "<image>", "boi_token": "<boi>", "eoi_token": "<eoi>"}
    Gemma3Processor(
        Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}),
        _tokenizer("<image>", {150: "<boi>", 151: "<eoi>"}, {"extra_special_tokens": named}),  # type: ignore[dict-item]
        image_seq_length=4,
    ).save_pretrained(folder)


_PROCESSORS: dict[str, Callable[[Path], None]] = {
    "gemma3": _save_gemma3,
    "idefics3": _save_idefics3,
    "llava_next": _save_llava_next,
    "qwen2_5_vl": _save_qwen,
    "qwen3_vl": _save_qwen,
}
