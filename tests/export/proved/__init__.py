"""One proof of every form of an operator that an exported graph may hold: PyTorch's numbers, on ONNX Runtime."""
