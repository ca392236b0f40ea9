"""`qconfig.json`: what a program was made of and for, in the layout that QEfficient's tools read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from qeff_codegen.deploy import specializations
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.export.specialization import Specialization
from qeff_codegen.preflight.installed_sdk import APPS_FILE, PLATFORM_FILE, sdk_version

FILE_NAME = "qconfig.json"


def render(
    *,
    huggingface_config: Mapping[str, object],
    pytorch_transforms: Sequence[str],
    onnx_transforms: Sequence[str],
    onnx_path: Path,
    folder: Path,
    programs: Sequence[Specialization],
    options: CompileOptions,
    retains_state: bool = True,
) -> str:
    """The file's text.

    Args:
        huggingface_config: the model's configuration, as its `to_dict` gives it.
        pytorch_transforms, onnx_transforms: names of what was done to the model and to its graph.
        onnx_path: the graph.
        folder: where the compiler's input files stand.
        programs: what the program is compiled for.
        options: what was asked for.
        retains_state: whether outputs stay on the device for the next call.
    """
    sized = [item for item in programs if item.symbols]
    config = {
        "huggingface_config": dict(huggingface_config),
        "qpc_config": {
            "QEff_config": {
                "pytorch_transforms": list(pytorch_transforms),
                "onnx_transforms": list(onnx_transforms),
                "onnx_path": str(onnx_path),
            },
            "compiler_config": {
                "enable_qnn": False,
                "compile_dir": str(folder),
                # None where every size of the graph is fixed.
                "specializations_file_path": str(folder / specializations.FILE_NAME) if sized else None,
                "specializations": [
                    {"name": item.name, "symbols": {name: str(size) for name, size in item.symbols.items()}}
                    for item in sized
                ],
                "mdp_ts_num_devices": options.num_devices,
                "num_speculative_tokens": options.num_speculative_tokens,
                "retained_state": retains_state,
                "convert_to_fp16": True,
                "aic_num_cores": options.num_cores,
                "mxfp6_matmul": options.mxfp6_matmul,
                "mxint8_kv_cache": options.mxint8_kv_cache,
                "use_onnx_subfunctions": options.use_onnx_subfunctions,
                "dynamo": options.dynamo,
                **options.compiler_options,
            },
            "aic_sdk_config": {
                "qaic_apps_version": sdk_version(APPS_FILE),
                "qaic_platform_version": sdk_version(PLATFORM_FILE),
            },
        },
    }
    return json.dumps(config, indent=4, sort_keys=True, default=str) + "\n"
