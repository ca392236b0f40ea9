"""What a user gives to run a model whose code is not in transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """Where a model's own code stands, and whether it may run.

    Attributes:
        source: the checkpoint's folder or the modeling file that the model was generated from.
        class_name: which class of it is the causal LM, where that was said when it was generated.
        trusted: whether the code there may be executed.
    """

    source: Path
    class_name: str | None
    trusted: bool
