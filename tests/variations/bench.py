"""From a variation's text to what came of it: refused, or run beside upstream's own, in PyTorch and ONNX Runtime."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from qeff_codegen.decoding.decoder import Decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.errors import Refusal
from qeff_codegen.examples.blueprint.configuration_blueprint import BlueprintConfig
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.exported_graph import GRAPH_FILE
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from qeff_codegen.tiny_models.sizes import SLIDING_WINDOW, tiny_sizes
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from qeff_codegen.validation.comparison import Trace, compare
from qeff_codegen.validation.decode_scenario import decode_greedily
from qeff_codegen.validation.reference import reference_trace
from qeff_codegen.validation.scenarios import Scenario
from tests.mutants.beside_upstream import executed, generated_classes, registered

CAUSAL_LM = "BlueprintForCausalLM"
# Prompts of one chunk, of less and of several; what is traced has 4 tokens, so that no call here has as many.
LENGTHS = (11, 3, 8)
SCENARIO = Scenario("variation", (), prefill_seq_len=5, ctx_len=18, new_tokens=(4, 4, 4))
SEED = 0


class Runs(StrEnum):
    """What generated code is run by. The graph answers otherwise only where lengths decide, or the exporter errs."""

    PYTORCH = "PyTorch"
    WITH_GRAPH = "PyTorch, and ONNX Runtime its graph"


@dataclass(frozen=True)
class Outcome:
    """What came of a variation.

    Attributes:
        refusal: the generator's, if it refused.
        difference: what the generated code does not as upstream's, which must be nothing; raising counts.
    """

    refusal: Refusal | None = None
    difference: str = ""

    @property
    def equal(self) -> bool:
        """Whether code was generated and computes what upstream's does."""
        return self.refusal is None and not self.difference


@cache
def original() -> UpstreamModel:
    """Blueprint as it is."""
    return find_model("blueprint")


def examine(source: str, runs: Runs) -> Outcome:
    """Generate from a changed text of Blueprint, and compare what comes of it with the text itself.

    Args:
        source: the text.
        runs: what the generated code is run by.
    """
    upstream = replace(original(), module=f"{original().module}_variation", source=source)
    try:
        generated = generate_model(upstream)
    except Refusal as refusal:
        return Outcome(refusal=refusal)
    except Exception as error:  # the generator must end with a refusal
        return Outcome(difference=f"generating raises {_said(error)}")
    # What differs in its layout alone does the same.
    meaning = (ast.dump(ast.parse(source)), generated.code, runs)
    if meaning not in _KNOWN:
        with registered(upstream.module, source):
            causal_lm = getattr(executed(upstream.module, source), CAUSAL_LM)
            _KNOWN[meaning] = Outcome(difference="; ".join(_differences(causal_lm, generated, runs)))
    return _KNOWN[meaning]


_KNOWN: dict[tuple[str, str, Runs], Outcome] = {}


def _differences(causal_lm: type[Any], generated: GeneratedModel, runs: Runs) -> Iterator[str]:
    for kind, config in _configurations().items():
        prompts = tuple(random_tokens(length, config.vocab_size, row) for row, length in enumerate(LENGTHS))
        scenario = replace(SCENARIO, prompts=prompts)
        try:
            model = build_tiny_model(causal_lm, config, SEED)
            reference = reference_trace(model, scenario)
        except Exception as error:  # a changed file may raise anything
            yield f"{kind}: upstream's own code raises {_said(error)}"
            continue
        try:
            with generated_classes(generated, model):
                decoder = TorchDecoder(model, scenario.cache_rows, scenario.ctx_len)
                difference = _difference(reference, decoder, scenario)
                yield from (f"{kind}, PyTorch: {item}" for item in difference)
                if kind == "base" and runs is Runs.WITH_GRAPH and not difference:
                    with tempfile.TemporaryDirectory(prefix="variation-") as folder:
                        path = Path(folder) / GRAPH_FILE
                        export_onnx(model, path, ExportSpec(ctx_len=scenario.ctx_len))
                        session = OrtDecoderSession(path, scenario.cache_rows, scenario.ctx_len)
                        difference = _difference(reference, session, scenario)
                    yield from (f"{kind}, ONNX Runtime: {item}" for item in difference)
        except Refusal:  # by the exporter, after PyTorch's answers were equal: there is no graph that could be wrong
            continue
        except Exception as error:  # generated code may raise anything
            yield f"{kind}: raises {_said(error)}"


def _difference(reference: Trace, decoder: Decoder, scenario: Scenario) -> list[str]:
    found = compare(reference, decode_greedily(decoder, scenario))
    return [] if found.divergence is None else [f"{found.divergence} (tolerance {found.tolerance:.2g})"]


@cache
def _configurations() -> dict[str, Any]:
    """A tiny configuration without a window, and one whose window is shorter than prompts."""
    sizes = tiny_sizes(BlueprintConfig, BlueprintConfig())
    found = {"base": BlueprintConfig(**sizes), "window": BlueprintConfig(**sizes, sliding_window=SLIDING_WINDOW)}
    for config in found.values():
        config._attn_implementation = "eager"
    return found


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
