#!/usr/bin/env bash
# Version: transformers 5.24.0 with tokenizers 0.23.3 and huggingface_hub 2.4.0 on Python 3.11; PyTorch is not needed.
# Behaviour: for a folder with a config.json and no tokenizer file, AutoTokenizer.from_pretrained raises for a Llama; for
# a Qwen2 or GPT-2 it returns a tokenizer of one entry that turns every text into no tokens, for a BERT one of five
# special tokens that makes the same tokens of different sentences. Whoever divides by a prompt's length finds out late.
# Seen: llama: ValueError | qwen2: Qwen2Tokenizer, 1 entry, [] and [] | gpt2: GPT2Tokenizer, 1 entry, [] and []
#       bert: BertTokenizer, 5 entries, [2, 1, 1, 3] and [2, 1, 1, 3]
# Exit code: 0 when it is as described, 1 when it is not, 2 when the packages cannot be installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/environment" || exit 2
"$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    transformers==5.24.0 tokenizers==0.23.3 huggingface_hub==2.4.0 || exit 2

cd "$folder"
cat > look.py <<'PYTHON'
import json
import sys
from pathlib import Path

from transformers import AutoTokenizer

EXPECTED = {
    "llama": "ValueError",
    "qwen2": "Qwen2Tokenizer, 1 entry, [] and []",
    "gpt2": "GPT2Tokenizer, 1 entry, [] and []",
    "bert": "BertTokenizer, 5 entries, [2, 1, 1, 3] and [2, 1, 1, 3]",
}


def seen(model_type: str) -> str:
    folder = Path(model_type)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        return type(error).__name__
    entries = f"{len(tokenizer)} {'entry' if len(tokenizer) == 1 else 'entries'}"
    one, other = (tokenizer(text)["input_ids"] for text in ("Hello world", "Good morning"))
    return f"{type(tokenizer).__name__}, {entries}, {one} and {other}"


found = {model_type: seen(model_type) for model_type in EXPECTED}
for model_type, what in found.items():
    print(f"{model_type}: {what}")
if found != EXPECTED:
    print("It is not as described any more; expected:", EXPECTED)
    sys.exit(1)
print("As described.")
PYTHON
HF_HUB_OFFLINE=1 environment/bin/python look.py || exit 1
