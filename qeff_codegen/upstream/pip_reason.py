"""What pip said when it failed, in one line."""

from __future__ import annotations


def pip_reason(output: str) -> str:
    """pip's last error, or its last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it said nothing"])[-1]
