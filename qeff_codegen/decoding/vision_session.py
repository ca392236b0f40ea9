"""Runs an exported vision program in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from qeff_codegen.export.graph_io import DEEPSTACK_FEATURES, PIXEL_VALUES, VISION_EMBEDS


class OrtVisionSession:
    """Makes embeddings of images, in one call, or in one for each where the graph takes a single image.

    Args:
        onnx_path: a graph that `export_vision` wrote.
    """

    def __init__(self, onnx_path: Path) -> None:
        self._session = ort.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
        self._outputs = [node.name for node in self._session.get_outputs()]
        self._takes_one = isinstance(self._session.get_inputs()[0].shape[0], int)

    def run(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """The embeddings, `[n, tokens, hidden]`, of images in their order, each `[1, ...]` as the graph takes it."""
        embeds, _ = self.run_for_layers(images)
        return embeds

    def run_for_layers(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """The embeddings likewise, and what goes into layers, `[layers, n, tokens, hidden]`, if anything does."""
        calls = images if self._takes_one else [np.concatenate(images)]
        made = [dict(zip(self._outputs, self._session.run(None, {PIXEL_VALUES: call}), strict=True)) for call in calls]
        deep = [each[DEEPSTACK_FEATURES] for each in made if DEEPSTACK_FEATURES in each]
        embeds = np.concatenate([each[VISION_EMBEDS] for each in made])
        return embeds, np.concatenate(deep, axis=1) if deep else None
