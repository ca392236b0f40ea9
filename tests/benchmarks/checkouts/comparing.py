"""Exports of a hand-written family and of the generated one: the same interface, and how size and time compare.

Both run in processes that live side by side and are asked in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qeff_codegen.checkout.environment import environment_for

EXPORTS = 5
# Short runs, of which the shortest needs many to be found.
DECODINGS = 20
_IN_CHECKOUT = Path(__file__).with_name("in_checkout.py")


@dataclass(frozen=True)
class Comparison:
    """One family, generated against hand-written.

    Attributes:
        differing: which of inputs, outputs and functions are not the same, for plain batches or continuous batching.
        nodes: how many nodes the generated graph has for each of the hand-written one.
        export: seconds of exporting, likewise.
        decode: seconds of decoding on ONNX Runtime, likewise.
        operators: for each operator of which the two have other numbers, how many more the generated one has.
    """

    family: str
    differing: tuple[str, ...]
    nodes: float
    export: float
    decode: float
    operators: dict[str, int]


def compare(family: str, handwritten: Path, generated: Path, python: Path) -> Comparison:
    """Export and decode `family` in both checkouts, in turn.

    Raises:
        RuntimeError: one of them fails.
    """
    with ExitStack() as stack:
        theirs, ours = (
            stack.enter_context(_process(family, checkout, python)) for checkout in (handwritten, generated)
        )
        pairs = [(theirs.ask("export plain"), ours.ask("export plain")) for _ in range(EXPORTS)]
        decoded = [(theirs.ask("decode"), ours.ask("decode")) for _ in range(DECODINGS)]
        continuous = theirs.ask("export continuous"), ours.ask("export continuous")
    plain = pairs[-1]
    operators = [Counter(each["operators"]) for each in plain]
    return Comparison(
        family,
        tuple(
            f"{part}, {mode}"
            for mode, (their, our) in (("plain", plain), ("continuous batching", continuous))
            for part in ("inputs", "outputs", "functions")
            if their[part] != our[part]
        ),
        operators[1].total() / operators[0].total(),
        _ratio(pairs),
        _ratio(decoded),
        {
            operator: operators[1][operator] - operators[0][operator]
            for operator in sorted(operators[0] | operators[1])
            if operators[0][operator] != operators[1][operator]
        },
    )


def _ratio(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> float:
    """The shortest of ours against the shortest of theirs."""
    return min(our["seconds"] for _, our in pairs) / min(their["seconds"] for their, _ in pairs)


@dataclass(frozen=True)
class _Process:
    family: str
    checkout: Path
    process: subprocess.Popen[str]
    output: Path

    def ask(self, command: str) -> dict[str, Any]:
        """One command's answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            said = self.output.read_text("utf-8", errors="replace").strip().splitlines()[-3:]
            raise RuntimeError(f"{command} of {self.family} in {self.checkout} failed:\n" + "\n".join(said))
        return json.loads(answer)


@contextmanager
def _process(family: str, checkout: Path, python: Path) -> Iterator[_Process]:
    with tempfile.TemporaryDirectory(prefix="qeff_codegen-") as name:
        folder = Path(name)
        output = folder / "output.txt"
        with output.open("w", encoding="utf-8") as sink:
            process = subprocess.Popen(
                [str(python), "-W", "ignore", str(_IN_CHECKOUT), family, name],
                cwd=folder,
                env=environment_for(checkout.absolute(), folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                encoding="utf-8",
            )
            try:
                yield _Process(family, checkout, process, output)
            finally:
                process.kill()
                process.wait()
