"""What a file without a causal LM is, where that can be told: for another framework, or another kind of model."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from qeff_codegen.anatomy.gaps_in_pattern import keys_chosen, later_tokens_seen, positions_in_groups
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile
from qeff_codegen.anatomy.refusing import refusal

# Packages whose models are called in another way than PyTorch's own modules, by what they are called.
_FRAMEWORKS = {
    "atb_llm": "MindIE",
    "flax": "Flax",
    "jax": "JAX",
    "megatron": "Megatron",
    "mindspore": "MindSpore",
    "mlx": "MLX",
    "paddle": "Paddle",
    "sglang": "SGLang",
    "tensorflow": "TensorFlow",
    "tensorrt_llm": "TensorRT-LLM",
    "tinygrad": "tinygrad",
    "vllm": "vLLM",
}


def refuse_another_kind(file: ModelingFile, classes: Sequence[ModelingClass]) -> None:
    """Refuse a file in which no causal LM was found, if what it is explains that.

    Raises:
        Refusal: it is written for another framework, or attends in another way than a causal LM does.
    """
    for node in file.tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        for name in names:
            framework = _FRAMEWORKS.get(name.split(".")[0])
            if framework is not None:
                raise refusal(
                    file,
                    f"the file is written for {framework}, and has no causal LM of PyTorch's modules",
                    node.lineno,
                    "a modeling file for PyTorch and transformers",
                    "generate from the modeling file that its weights were published with",
                )
    for find in (later_tokens_seen, positions_in_groups, keys_chosen):
        if classes and (gap := find(file, classes[-1], tuple(classes))) is not None:
            raise refusal(
                file, f"no class of the file is a causal LM: {gap.what}", gap.line, gap.expected, gap.next_step
            )
