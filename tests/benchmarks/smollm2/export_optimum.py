"""`python -m tests.benchmarks.smollm2.export_optimum CHECKPOINT FOLDER`: without its check against PyTorch."""

from __future__ import annotations

import sys

from optimum.exporters.onnx import main_export

main_export(sys.argv[1], sys.argv[2], task="text-generation-with-past", do_validation=False)
