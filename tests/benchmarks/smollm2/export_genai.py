"""`python -m tests.benchmarks.smollm2.export_genai CHECKPOINT FOLDER`: onnxruntime-genai's builder, in float32."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

from tests.benchmarks.smollm2.decoding import THREADS

checkpoint, folder = sys.argv[1:]
sys.argv[1:] = ["-i", checkpoint, "-o", folder, "-p", "fp32", "-e", "cpu", "-c", str(Path(folder) / "cache")]
runpy.run_module("onnxruntime_genai.models.builder", run_name="__main__")
settings = Path(folder) / "genai_config.json"
config = json.loads(settings.read_text("utf-8"))
config["model"]["decoder"]["session_options"]["intra_op_num_threads"] = THREADS
settings.write_text(json.dumps(config), "utf-8")
