"""Numbers that generated code, the custom operators and the exporter share.

Each comes from the calling convention of QEfficient (github.com/quic/efficient-transformers), which the
Cloud AI 100 compiler is built to read.
"""

from __future__ import annotations

import torch

# Score of a slot that may not be attended to. QEfficient masks with minus infinity, so that a masked slot's
# weight is exactly zero in float16 too. A row with every slot masked (a pad) becomes NaN and is never read.
MIN_MASKED_ATTENTION_VALUE = float("-inf")

# The opsets of QEfficient's two exporters, TorchScript's and torch.export's; the bodies of the custom operators exist
# in both.
ONNX_EXPORT_OPSET = 17
ONNX_DYNAMO_EXPORT_OPSET = 18

# A cache index the compiler skips: no write for a scatter, no read for a gather. It is INT32's largest value
# because the compiler holds indices as 32-bit integers.
INVALID_INDEX = torch.iinfo(torch.int32).max

# Rows of the rotary tables of a model whose configuration names no largest position. A context beyond them is refused;
# a configuration that is given `max_position_embeddings` says how many there are instead.
ROTARY_POSITIONS = 32768
