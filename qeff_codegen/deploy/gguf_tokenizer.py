"""Whether a text begins with BOS, by a GGUF file that does not say so itself.

A file says it with `tokenizer.ggml.add_bos_token`, and transformers does as it says. Converters that find no such
setting write none: of Llama 3, and others that get BOS from their tokenizer's post-processor. llama.cpp, which such
files are for, then goes by the pre-tokenizer that the file names, and transformers 5.24.0 adds no BOS.
Source: llama.cpp, `src/llama-vocab.cpp` (`llama_vocab::impl::load`).
"""

from __future__ import annotations

from pathlib import Path

from transformers.integrations.gguf import read_gguf_metadata

_SAID, _MODEL, _PRE = "tokenizer.ggml.add_bos_token", "tokenizer.ggml.model", "tokenizer.ggml.pre"
BYTE_LEVEL = "gpt2"
# The pre-tokenizers with which llama.cpp begins every text with BOS.
BEGIN_TEXTS = frozenset(
    (
        "llama3",
        "llama-v3",
        "llama-bpe",
        "falcon3",
        "falcon-h1",
        "pixtral",
        "midm-2.0",
        "lfm2",
        "jina-v5-nano",
        "tekken",
    )
)


def begins_by_pre_tokenizer(gguf: Path) -> bool:
    """Whether texts begin with BOS by the file's pre-tokenizer alone; where the file says more, that holds."""
    try:
        metadata, _ = read_gguf_metadata(str(gguf))
    except Exception:  # a damaged file, which whoever reads its weights names
        return False
    return _SAID not in metadata and metadata.get(_MODEL) == BYTE_LEVEL and metadata.get(_PRE) in BEGIN_TEXTS
