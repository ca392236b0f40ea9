from __future__ import annotations

from tests.runtime.toy_decoders import exported, make_decoder, one_thread, qeff, upstream

__all__ = ["exported", "make_decoder", "one_thread", "qeff", "upstream"]
