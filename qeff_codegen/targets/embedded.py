"""The default target: generated code imports this package's own runtime."""

from __future__ import annotations

from qeff_codegen.anatomy.rms_norm import NormKind

# Where each name that rules introduce is imported from. Names and arguments are those of QEfficient's runtime, so that
# another target is another table.
RUNTIME_NAMES = {
    "QEffDynamicCache": "qeff_codegen.runtime.cache_utils",
    "_create_causal_mask": "qeff_codegen.runtime.modeling_attn_mask_utils",
    "_create_chunked_causal_mask": "qeff_codegen.runtime.modeling_attn_mask_utils",
    "over_key_blocks": "qeff_codegen.runtime.key_blocks",
    "MIN_MASKED_ATTENTION_VALUE": "qeff_codegen.runtime.constants",
    "CustomRMSNormAIC": "qeff_codegen.runtime.customop",
    "GemmaCustomRMSNormAIC": "qeff_codegen.runtime.customop",
}

# The module for each arithmetic of an RMS norm, which the compiler has an operator for.
RMS_NORMS = {
    NormKind.PLAIN: "CustomRMSNormAIC",
    NormKind.ONE_PLUS: "GemmaCustomRMSNormAIC",
}

# Names that rules introduce and that come from libraries, for upstream files that do not import them themselves.
LIBRARY_NAMES = {
    "Cache": "transformers.cache_utils",
    "nn": "torch",
}
