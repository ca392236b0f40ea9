"""Sizes of tiny vision towers and of what stands behind them, by the names of settings."""

from __future__ import annotations

from typing import Any

VISION: dict[str, Any] = {
    # Layers whose features go into the text model's, before its last.
    "deepstack_visual_indexes": [0, 2],
    "depth": 3,
    "embed_dim": 32,
    # One layer among those with windows, and windows that an image does not fill.
    "fullatt_block_indexes": [1],
    "head_dim": 8,
    "hidden_size": 32,
    "image_size": 16,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "mm_embed_dim": 48,
    "mm_posemb_size": 16,
    "num_heads": 4,
    "num_key_value_heads": 2,
    "out_hidden_size": 64,
    "output_proj_dims": 48,
    "num_channels": 3,
    "num_hidden_layers": 3,
    # Fewer than an image has patches in a row, so that they are resized.
    "num_position_embeddings": 16,
    "patch_size": 4,
    "pooling_kernel_size": 2,
    # A table of places for each side of a window, which an image is wider than.
    "pos_emb_height": 4,
    "pos_emb_width": 4,
    # Where a projector ends in it, it is the text model's width.
    "projection_dim": 64,
    "projection_hidden_size": 32,
    # No vector for an image as a whole, for which no token stands.
    "vision_use_head": False,
    "window_size": 16,
}
SHUFFLED = {"projector_input_dim": 40, "projector_output_dim": 40, "vision_output_dim": 40}
# What stands between tower and text model, by the names of the settings of the whole.
BETWEEN: dict[str, Any] = {
    # Of a tower of three layers.
    "insert_layer_id": 1,
    "image_grid_pinpoints": [[16, 32], [32, 16]],
    "perceiver_config": {
        "num_key_value_heads": 2,
        "resampler_depth": 2,
        "resampler_head_dim": 16,
        "resampler_n_heads": 4,
        "resampler_n_latents": 5,
    },
    "mm_tokens_per_image": 4,
    # Four patches of the tower in a row.
    "out_hidden_size": 128,
    "projection_dim": 64,
    "projection_hidden_size": 32,
    "projector_hidden_size": 48,
    # Of so many patches, so many vectors.
    "projector_patch_to_query_dict": {16: 5},
}
# An ear, of a model that may have one: it stays out of both programs.
AUDIO = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 1,
    "output_proj_dims": 32,
    "subsampling_conv_channels": [8, 4],
}
