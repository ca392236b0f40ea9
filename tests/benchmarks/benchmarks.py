"""Which benchmarks there are, by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator

from tests.benchmarks.timing import Measurement, Size

# Gives its measurements one by one, each as soon as it is made.
Benchmark = Callable[[Size], Iterator[Measurement]]

# Module and function of each; modules are imported when needed, as some of them bring PyTorch along.
BENCHMARKS = {
    "generate": ("tests.benchmarks.generating", "llama"),
    "command": ("tests.benchmarks.generating", "whole_command"),
    "check": ("tests.benchmarks.checking", "measure"),
    "export": ("tests.benchmarks.exporting", "measure"),
    "every-model": ("tests.benchmarks.generating", "every_model"),
    "hybrids": ("tests.benchmarks.hybrids", "measure"),
    "images": ("tests.benchmarks.images", "measure"),
    "key-blocks": ("tests.benchmarks.key_blocks", "measure"),
    "smollm2": ("tests.benchmarks.smollm2.measuring", "measure"),
    "streaming": ("tests.benchmarks.streaming", "measure"),
    "windows": ("tests.benchmarks.windows", "measure"),
}


def find_benchmark(name: str) -> Benchmark:
    """The benchmark called `name`, imported now."""
    module, function = BENCHMARKS[name]
    benchmark: Benchmark = getattr(importlib.import_module(module), function)
    return benchmark
