"""Runs an exported vision program in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from qeff_codegen.export.graph_io import PIXEL_VALUES, VISION_EMBEDS


class OrtVisionSession:
    """Makes embeddings of images, in one call, or in one for each where the graph takes a single image.

    Args:
        onnx_path: a graph that `export_vision` wrote.
    """

    def __init__(self, onnx_path: Path) -> None:
        self._session = ort.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
        self._takes_one = isinstance(self._session.get_inputs()[0].shape[0], int)

    def run(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The embeddings, `[n, tokens, hidden]`, of images in their order, each `[1, ...]` as the graph takes it."""
        calls = images if self._takes_one else [np.concatenate(images)]
        return np.concatenate([self._session.run([VISION_EMBEDS], {PIXEL_VALUES: call})[0] for call in calls])
