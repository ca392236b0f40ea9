"""The checked-in models that every test run proves: at least one for each kind of architecture, and for each rule."""

from __future__ import annotations

SAMPLE = {
    "blueprint": "the onboarding guide's example",
    "llama": "dense, rotary positions, grouped K/V heads",
    "qwen3": "norms of queries and keys, windows by layer type",
    "gpt2": "learned positions, one weight for queries, keys and values",
    "falcon": "ALiBi or rotary positions, parallel residual, attention in its own lines",
    "mpt": "ALiBi of the keys, tuple results",
    "bloom": "ALiBi made from a mask of the tokens, which newer releases spare",
    "gptj": "sin and cos looked up in one table, interleaved rotation",
    "gpt_neo": "an attention's own mask, global and local, attention in a wrapper",
    "gpt_neox_japanese": "dropout in a helper function, partial rotation",
    "opt": "learned positions with an offset, a model inside a module that only holds it",
    "bart": "a decoder that may serve behind an encoder, positions it counts itself",
    "bert": "post-norm layers in a stack of their own, embeddings in a module of their own",
    "whisper": "a head that computes the logits of every token",
    "mixtral": "experts with three-dimensional weights",
    "dbrx": "experts whose weights are one matrix, nested configurations",
    "jetmoe": "tokens sorted by expert, attention with experts of its own",
    "aria_text": "tokens sorted by expert by the dispatcher, a grouped product in a function",
    "gpt_oss": "attention sinks, experts with biases and interleaved gates, windows",
    "llama4": "complex rotation, chunked attention, layers without positions",
    "gemma3_text": "rotary tables by layer type, sandwich norms",
    "gemma4_text": "layers that share keys and values, inputs for each layer",
    "deepseek_v3": "multi-head latent attention, experts chosen in groups",
}
