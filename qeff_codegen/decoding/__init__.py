"""From prompts to tokens and text, on ONNX Runtime or PyTorch: sessions, prefill, batching, sampling, drafts."""
