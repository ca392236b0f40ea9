"""Custom operators the Cloud AI 100 compiler knows by name, with bodies that onnxruntime can run."""

from qeff_codegen.runtime.customop.ctx_scatter_gather import CtxGatherFunc, CtxScatterFunc
from qeff_codegen.runtime.customop.ctx_scatter_gather_cb import CtxGatherFuncCB, CtxScatterFuncCB
from qeff_codegen.runtime.customop.ctx_scatter_rows import CtxScatterFuncCB3D
from qeff_codegen.runtime.customop.rms_norm import CustomRMSNormAIC, GemmaCustomRMSNormAIC

__all__ = [
    "CtxGatherFunc",
    "CtxGatherFuncCB",
    "CtxScatterFunc",
    "CtxScatterFuncCB",
    "CtxScatterFuncCB3D",
    "CustomRMSNormAIC",
    "GemmaCustomRMSNormAIC",
]
