"""What differs between the runtimes that the stages run on: how the QEff model is made, exported and called."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.validation.results import StageResult
from qeff_codegen.validation.scenarios import Scenario
from qeff_codegen.validation.subjects import Subject


class Bench(Protocol):
    """One subject's QEff model and its graphs, each made when first needed."""

    def pytorch(self, scenario: Scenario) -> TorchDecoder:
        """The QEff model in PyTorch, with an empty cache (Stage 2)."""

    def onnx(self, scenario: Scenario) -> OrtDecoderSession:
        """Its graph on ONNX Runtime, with an empty cache (Stage 3)."""

    def fed(self, decoder: Decoder, scenario: Scenario) -> Decoder:
        """What `scenario` calls: `decoder` itself, or what hands it every call in a form that it takes."""

    def device(self, scenario: Scenario) -> StageResult:
        """Stage 4, as far as it goes without a device; the graph has run on ONNX Runtime."""

    def notes(self, scenario: Scenario) -> tuple[str, ...]:
        """What the reader must know of how `scenario` runs here."""


class Runtime(Protocol):
    """What makes a QEff model of an upstream one, and runs it."""

    def bench(self, subject: Subject, folder: Path) -> Bench:
        """A bench for `subject`, which writes its graphs below `folder`."""
