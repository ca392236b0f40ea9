"""The rules, one idea a file, in folders by subject.

`normalize` brings every transformers dialect to one, `rewrite` gives it QEff's semantics, `verify` holds the result
against its promises. A folder in them is a stage: its name says the subject, and the stages below run in this order.
Rules of one stage know nothing of each other and give the same module in any order.
"""

from __future__ import annotations

STAGES = {
    "normalize": (
        "forwards",
        "names",
        "legacy_cache",
        "cache",
        "attention",
        "inputs",
        "inference",
        "states",
        "texts",
        "tokens",
        "dropout",
        "mask_builders",
        "masks",
        "padding",
        "encoder",
        "recording",
        "counts",
        "embeddings",
        "positions",
        "outputs",
        "logits",
        "experts",
    ),
    "rewrite": (
        "context",
        "positions",
        "masks",
        "attention",
        "cache",
        "states",
        "images",
        "experts",
        "outputs",
        "arguments",
        "modules",
    ),
    "verify": ("axes", "arguments", "cache", "states", "masks", "positions", "module"),
}
