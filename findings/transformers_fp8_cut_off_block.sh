#!/usr/bin/env bash
# Version: transformers 5.24.0 with safetensors 0.8.0 and PyTorch 2.13.0 (CPU) on Python 3.11.
# Behaviour: FP8 weights have a scale for each block, and the last block of a matrix may be cut off: a matrix of 192 rows
# in blocks of 128 has two scales for its rows. Dequantizing, transformers takes the size of a block from the number of
# scales, 192 / 2 = 96, whatever `weight_block_size` says: rows 96 to 127 get the scale of the block behind theirs, and
# nothing is said. Where the division leaves a rest, as for 320 rows, loading raises instead.
# Seen: 128 rows: 0 of 128 rows differ | 192 rows: 32 of 192 rows differ | 320 rows: RuntimeError
# Exit code: 0 when it is as described, 1 when it is not, 2 when the packages cannot be installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/environment" || exit 2
"$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    torch==2.13.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6 accelerate==1.15.0 || exit 2

cd "$folder"
cat > look.py <<'PYTHON'
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

BLOCK = 128
EXPECTED = {
    "128 rows": "0 of 128 rows differ",
    "192 rows": "32 of 192 rows differ",
    "320 rows": "RuntimeError",
}


def seen(rows: int) -> str:
    """Read a tiny checkpoint whose MLP has matrices of so many rows, in FP8 with a scale for each block of 128 x 128."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=128, intermediate_size=rows, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        vocab_size=16, tie_word_embeddings=False,
    )
    stored, right = {}, {}
    for name, weight in LlamaForCausalLM(config).state_dict().items():
        if "_proj" not in name:
            stored[name] = weight
            continue
        stored[name] = (weight * 100).to(torch.float8_e4m3fn)
        blocks = [-(-size // BLOCK) for size in weight.shape]
        scales = torch.rand(blocks) + 0.5
        stored[f"{name}_scale_inv"] = scales
        grown = scales.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
        right[name] = stored[name].float() * grown[: weight.shape[0], : weight.shape[1]]
    folder = Path(f"rows-{rows}")
    folder.mkdir()
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    quantized = {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK], "dequantize": True}
    (folder / "config.json").write_text(json.dumps({**config.to_dict(), "quantization_config": quantized, "architectures": ["LlamaForCausalLM"]}))
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    except Exception as error:
        return type(error).__name__
    name = "model.layers.0.mlp.gate_proj.weight"
    off = (model.state_dict()[name] - right[name]).abs().amax(1) > 1e-3
    return f"{int(off.sum())} of {rows} rows differ"


found = {name: seen(int(name.split()[0])) for name in EXPECTED}
for name, what in found.items():
    print(f"{name}: {what}")
if found != EXPECTED:
    print("It is not as described any more; expected:", EXPECTED)
    sys.exit(1)
print("As described.")
PYTHON
HF_HUB_OFFLINE=1 environment/bin/python look.py 2> messages || { tail -n 5 messages; exit 1; }
