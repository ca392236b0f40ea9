"""The default target: generated code imports this package's own runtime."""

from __future__ import annotations

from qeff_codegen.targets.target import Target

EMBEDDED = Target(
    name="embedded",
    modules={
        "QEffDynamicCache": "qeff_codegen.runtime.cache_utils",
        "_create_causal_mask": "qeff_codegen.runtime.modeling_attn_mask_utils",
        "_create_chunked_causal_mask": "qeff_codegen.runtime.modeling_attn_mask_utils",
        "over_key_blocks": "qeff_codegen.runtime.key_blocks",
        "ImageTextOutput": "qeff_codegen.runtime.images",
        **dict.fromkeys(
            (
                "ListedImage",
                "PatchRows",
                "PatchSquares",
                "PatchStrip",
                "PatchTable",
                "TiledImage",
                "WholeImage",
                "joined_embeds",
            ),
            "qeff_codegen.runtime.one_image",
        ),
        "attending_within": "qeff_codegen.runtime.modeling_attn_mask_utils",
        **dict.fromkeys(
            (
                "block_of_prompt",
                "blocks_of_images",
                "projected_embeds",
                "has_relative_positions",
                "place_deep_embeds",
                "place_image_embeds",
                "decoder_layers_of",
                "text_model_of",
            ),
            "qeff_codegen.runtime.images",
        ),
        "all_but_largest": "qeff_codegen.runtime.indexer",
        "causal_conv1d": "qeff_codegen.runtime.states",
        "delayed_by_one": "qeff_codegen.runtime.states",
        "gated_delta_rule": "qeff_codegen.runtime.states",
        "kimi_delta_attention": "qeff_codegen.runtime.states",
        "lightning_attention": "qeff_codegen.runtime.states",
        "linear_recurrence": "qeff_codegen.runtime.states",
        "mamba2_scan": "qeff_codegen.runtime.states",
        "mamba_scan": "qeff_codegen.runtime.states",
        "MIN_MASKED_ATTENTION_VALUE": "qeff_codegen.runtime.constants",
        "ROTARY_POSITIONS": "qeff_codegen.runtime.constants",
        "CustomRMSNormAIC": "qeff_codegen.runtime.customop",
        "GemmaCustomRMSNormAIC": "qeff_codegen.runtime.customop",
    },
    # Relative, so that a generated folder can have any name and stand anywhere.
    modeling_module=".{name}.modeling_{name}",
    first_party="qeff_codegen",
    licence="",
    command="python -m qeff_codegen {name}{options}",
    line_length=119,
    formatter="black",
    reminders=True,
    own_caches=True,
    asks_model=False,
    exports_repeats=True,
)
