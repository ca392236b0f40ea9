"""The PyTorch operators whose translation to ONNX was proved, and the check that a traced model has no others."""
