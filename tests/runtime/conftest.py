from __future__ import annotations

from tests.runtime.toy_decoders import one_thread

__all__ = ["one_thread"]
