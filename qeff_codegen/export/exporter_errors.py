"""What the TorchScript exporter raises of itself, as a refusal."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from qeff_codegen.errors import QEffCodegenError, Refusal
from qeff_codegen.export.proved_operators.calls import Place
from qeff_codegen.export.proved_operators.check import RULE, location_of
from qeff_codegen.export.recipes import NotDeferredError

# Where a node of the trace comes from, as PyTorch's messages tell it.
_FRAME = re.compile(r"^\W*(?:node defined in )?(?P<path>/[^\s(]+)\((?P<line>\d+)\): ", re.MULTILINE)
_SCOPE = re.compile(r"scope: (?P<scope>\S+)")
_EXPORTING = Path(__file__).parent


@contextmanager
def errors_refused(name: str) -> Iterator[None]:
    """Names the module and the line that an error comes from, as far as it tells.

    Args:
        name: of the model that is exported.

    Raises:
        Refusal: the exporter raised something. What the model itself raises stays what it is.
    """
    internals: Any = torch._C
    is_logging = internals._jit_is_onnx_log_enabled()
    try:
        yield
    except (QEffCodegenError, NotDeferredError):
        raise
    except Exception as error:  # exporters raise what they like
        if not _is_of_the_exporter(error):
            raise
        place = _place_of(error)
        where = f" in {place.module}" if place.module else ""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
        raise Refusal(
            f"{name} cannot be exported{where}: {type(error).__name__}: {lines[0]}",
            rule=RULE,
            location=location_of(place),
            expected="what the exporter can trace and translate, see docs/operators.md",
            next_step="Compute the same in another way, or export with the other exporter.",
        ) from error
    finally:
        internals._jit_set_onnx_log_enabled(is_logging)


def _is_of_the_exporter(error: Exception) -> bool:
    """Whether it was not raised by what the model computes, which would raise it without an exporter too."""
    if isinstance(error, torch.onnx.errors.OnnxExporterError) or "INTERNAL ASSERT" in str(error):
        return True
    return not any(_is_of_the_model(path) for path, _ in _raised_at(error))


def _raised_at(error: Exception) -> list[tuple[str, int]]:
    """Where it was raised, innermost first."""
    return [(frame.filename, frame.lineno or 0) for frame in reversed(traceback.extract_tb(error.__traceback__))]


def _place_of(error: Exception) -> Place:
    scopes = _SCOPE.findall(str(error))
    names = [part.split("::")[-1] for part in scopes[-1].split("/")] if scopes else []
    module = ".".join(name for name in names if name)
    told = [(found["path"], int(found["line"])) for found in _FRAME.finditer(str(error))]
    places = (each for each in [*told, *_raised_at(error)] if _is_of_the_model(each[0]))
    path, line = next(places, ("", 0))
    return Place(module, path, line)


def _is_of_the_model(path: str) -> bool:
    return "/torch/" not in path and Path(path).is_file() and not Path(path).is_relative_to(_EXPORTING)
