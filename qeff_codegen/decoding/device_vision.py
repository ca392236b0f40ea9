"""Runs a compiled vision program on Cloud AI 100, with the interface of the onnxruntime session."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qeff_codegen.decoding.loaded_program import LoadedProgram
from qeff_codegen.export.graph_io import DEEPSTACK_FEATURES, PIXEL_VALUES, VISION_EMBEDS


class DeviceVisionSession:
    """Makes embeddings of images, in one call with blank ones behind them up to the number that it was compiled for.

    Args:
        program: the vision program, loaded.
        takes_one: whether it takes one image a call; there are as many calls as images then.
    """

    def __init__(self, program: LoadedProgram, *, takes_one: bool = False) -> None:
        self._program = program
        self._takes_one = takes_one

    def run_for_layers(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """What images are, in their order.

        Args:
            images: each `[1, ...]` as the graph takes it, or one image as a program of one takes it.

        Returns:
            The embeddings, `[n, tokens, hidden]`, and what goes into layers, `[layers, n, tokens, hidden]`; None where
            nothing does.

        Raises:
            UsageError: there are more than the program was compiled for, or of another size.
            DeviceError: the call failed.
        """
        calls = images if self._takes_one else [self._filled_up(images)]
        made = [self._program.run({PIXEL_VALUES: call}) for call in calls]
        deep = [each[DEEPSTACK_FEATURES] for each in made if DEEPSTACK_FEATURES in each]
        embeds = np.concatenate([each[VISION_EMBEDS] for each in made])
        return embeds[: len(images)], np.concatenate(deep, axis=1)[:, : len(images)] if deep else None

    def _filled_up(self, images: Sequence[np.ndarray]) -> np.ndarray:
        pixels = np.concatenate(images)
        missing = max(sizes[0] for sizes in self._program.sizes_of(PIXEL_VALUES)) - len(images)
        return np.concatenate([pixels, np.zeros((max(0, missing), *pixels.shape[1:]), pixels.dtype)])
