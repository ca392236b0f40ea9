"""Small image-text models that QEfficient exports too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NUMBERS = {"hidden": 64, "vocab": 256}
LAST_TOKEN = NUMBERS["vocab"] - 1
VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT = {
    "hidden_size": NUMBERS["hidden"],
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": NUMBERS["vocab"],
    "max_position_embeddings": 2048,
}
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """A small model of a family, and the image that its vision program is made for.

    Attributes:
        settings: of the model.
        image_size: height and width of the image, where ours are told; that of the settings otherwise.
        example: the shapes of what QEfficient traces, where its own example is not of that size.
    """

    settings: dict[str, Any]
    image_size: tuple[int, int] | None = None
    example: dict[str, Shape] = field(default_factory=dict)


FAMILIES = {
    # The image's size is the only one that QEfficient exports llava for.
    "llava": Family(
        {
            "model_type": "llava",
            "image_token_index": LAST_TOKEN,
            "vision_config": {"model_type": "clip_vision_model", **VISION, "image_size": 336, "patch_size": 112},
            "text_config": {"model_type": "llama", **TEXT},
        },
    ),
    # Seven layers, all but the sixth with a window.
    "gemma3": Family(
        {
            "model_type": "gemma3",
            "image_token_index": LAST_TOKEN,
            "mm_tokens_per_image": 16,
            "vision_config": {
                "model_type": "siglip_vision_model",
                **VISION,
                "image_size": 112,
                "patch_size": 14,
                "vision_use_head": False,
            },
            "text_config": {
                "model_type": "gemma3_text",
                **TEXT,
                "num_hidden_layers": 7,
                "head_dim": 16,
                "sliding_window": 16,
                "sliding_window_pattern": 6,
            },
        },
    ),
    "mistral3": Family(
        {
            "model_type": "mistral3",
            "image_token_index": LAST_TOKEN,
            "spatial_merge_size": 2,
            "vision_config": {"model_type": "pixtral", **VISION, "head_dim": 16, "image_size": 112, "patch_size": 14},
            "text_config": {"model_type": "mistral", **TEXT, "head_dim": 16},
        },
    ),
    # QEfficient's own example has 14308 patches, and its masks of windows 50 GB.
    "qwen2_5_vl": Family(
        {
            "model_type": "qwen2_5_vl",
            "image_token_id": LAST_TOKEN,
            "video_token_id": LAST_TOKEN - 1,
            "vision_config": {
                "model_type": "qwen2_5_vl",
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 32,
                "num_heads": 2,
                "out_hidden_size": NUMBERS["hidden"],
                "fullatt_block_indexes": [1],
            },
            "text_config": {
                "model_type": "qwen2_5_vl_text",
                **TEXT,
                "bos_token_id": 0,
                "eos_token_id": 1,
                "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
            },
        },
        image_size=(112, 168),
        example={"pixel_values": (96, 1176), "image_grid_thw": (1, 1, 8, 12)},
    ),
}
