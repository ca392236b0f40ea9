"""Why `apply` keeps the whole context: what caches of a window's size give on QEfficient's runtime."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from qeff_codegen.checkout.environment import environment_for
from tests.checkout.qefficient import needs_qefficient, qefficient_checkout, qefficient_python

IN_CHECKOUT = Path(__file__).with_name("window_caches.py")


@needs_qefficient
def test_a_call_of_several_tokens_loses_keys_that_its_first_ones_see(tmp_path: Path) -> None:
    ran = subprocess.run(
        [qefficient_python(), "-W", "ignore", IN_CHECKOUT],
        env=environment_for(qefficient_checkout(), tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    differences = {int(length): each for length, each in found["differences"].items()}
    assert differences[1] < 1e-4
    # Of one window, 4: docs/pull_request.md says what it means.
    assert all(differences[length] > 0.1 * found["spread"] for length in (2, 4))
