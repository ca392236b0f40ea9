"""A checkout of quic/efficient-transformers: generated code imports QEfficient's runtime and stands beside its own.

Module paths, the licence header and the line length are those of its head of August 2026.
"""

from __future__ import annotations

from qeff_codegen.targets.target import Target

LICENCE = """\
# -----------------------------------------------------------------------------
#
# Copyright (c) Qualcomm Technologies, Inc. and/or its subsidiaries.
# SPDX-License-Identifier: BSD-3-Clause
#
# -----------------------------------------------------------------------------

"""

QEFFICIENT = Target(
    name="qefficient",
    modules={
        "QEffDynamicCache": "QEfficient.transformers.cache_utils",
        "_create_causal_mask": "QEfficient.transformers.modeling_attn_mask_utils",
        "MIN_MASKED_ATTENTION_VALUE": "QEfficient.utils.constants",
        "AttentionBlockingConfig": "QEfficient.blocking.attention_blocking",
        "BlockingMode": "QEfficient.blocking.attention_blocking",
        "generic_blocked_attention_interface": "QEfficient.blocking.attention_blocking",
        "IOInfo": "QEfficient.utils._utils",
        "get_padding_shape_from_config": "QEfficient.utils._utils",
        **dict.fromkeys(
            (
                "ONNX_EXPORT_CTX_LEN",
                "ONNX_EXPORT_EXAMPLE_BATCH_SIZE",
                "ONNX_EXPORT_EXAMPLE_FBS",
                "ONNX_EXPORT_EXAMPLE_SEQ_LEN",
            ),
            "QEfficient.utils.constants",
        ),
        "CustomRMSNormAIC": "QEfficient.customop",
        "GemmaCustomRMSNormAIC": "QEfficient.customop",
    },
    modeling_module="QEfficient.transformers.models.{name}.modeling_{name}",
    first_party="QEfficient",
    licence=LICENCE,
    command="python -m qeff_codegen apply {name} --checkout .",
    line_length=120,
    formatter="ruff",
    reminders=False,
    own_caches=False,
    asks_model=True,
    exports_repeats=False,
)
