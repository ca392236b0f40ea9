"""Tiny image-text checkpoints as `save_pretrained` writes them, with transformers' own processor."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

from qeff_codegen.tiny_models.image_families import IMAGE_TOKEN, find_image_family, image_variants
from qeff_codegen.tiny_models.models import build_tiny_model

IMAGE_SIZE, PATCH_SIZE = 16, 4
TOKENS_PER_IMAGE = (IMAGE_SIZE // PATCH_SIZE) ** 2
WORDS = ["<end>", *(f"w{number}" for number in range(IMAGE_TOKEN - 1)), "<image>"]
TEMPLATE = (
    "w99 {% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %} {{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %} w98{% endif %}"
)


def save_llava(folder: Path, *, tower: str = "clip_vision_model", chat_template: str | None = TEMPLATE) -> Path:
    """A tiny LLaVA with that vision tower, its tokenizer of words and its processor."""
    family = find_image_family("llava")
    assert family is not None
    settings: dict[str, Any] = copy.deepcopy(image_variants(family)[0].overrides)
    settings["vision_config"]["model_type"] = tower
    settings["text_config"] |= {"eos_token_id": 0, "bos_token_id": None, "pad_token_id": None}
    model = build_tiny_model(LlavaForConditionalGeneration, LlavaConfig(**settings), seed=0)
    model.generation_config.eos_token_id = 0
    model.save_pretrained(folder)
    processor(chat_template).save_pretrained(folder)
    return folder


def processor(chat_template: str | None = TEMPLATE, *, image_size: int = IMAGE_SIZE) -> LlavaProcessor:
    """Makes images of `image_size`, and as many tokens of each as the tower has patches."""
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    return LlavaProcessor(
        LlavaImageProcessorPil(
            size={"shortest_edge": image_size}, crop_size={"height": image_size, "width": image_size}
        ),
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", additional_special_tokens=["<image>"]),
        patch_size=PATCH_SIZE,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template,
    )


def save_image(path: Path, seed: int, width: int = 31, height: int = 20) -> Path:
    """A picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
