"""SmolLM2-135M exported and decoded: by this project, by transformers, and by optimum-onnx."""
