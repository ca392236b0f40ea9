"""Imports and definitions that are there on some machines only, or in some place of the file."""

from __future__ import annotations

from tests.variations.blueprint import (
    IMPORTS,
    LAYER_BEGIN,
    MLP_RETURN,
    ROTATED,
    SCORES,
    after,
    before,
    instead,
)
from tests.variations.variation import Variation, either, equal

_HALF = "def rotate_half(x):\n"
_MLP = "self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))"
_NO_MODULE = "a_module_that_is_not_installed"

VARIATIONS: tuple[Variation, ...] = (
    either(
        "an optional module used where it is there",
        (IMPORTS, IMPORTS + f"\ntry:\n    import {_NO_MODULE} as einops\nexcept ImportError:\n    einops = None\n"),
        instead(
            MLP_RETURN, "if einops is not None:", '    x = einops.rearrange(x, "b t d -> b t d")', f"return {_MLP}"
        ),
    ),
    either(
        "an optional name used in the attention",
        (
            IMPORTS,
            IMPORTS + "\n"
            "try:\n"
            f"    from {_NO_MODULE} import flash_attn_func\n"
            "except ImportError:\n"
            "    flash_attn_func = None\n",
        ),
        before(
            ROTATED,
            "if flash_attn_func is not None and self.training:",
            "    value_states = flash_attn_func(query_states, key_states, value_states)",
        ),
    ),
    either(
        "an optional name with a flag",
        (
            IMPORTS,
            IMPORTS + "\n"
            "try:\n"
            f"    from {_NO_MODULE} import fused\n\n"
            "    HAS_FUSED = True\n"
            "except ImportError:\n"
            "    HAS_FUSED = False\n",
        ),
        before(ROTATED, "if HAS_FUSED:", "    query_states = fused(query_states)"),
    ),
    either(
        "an optional name with a fallback of the file's own",
        (
            IMPORTS,
            IMPORTS + "\n"
            "try:\n"
            f"    from {_NO_MODULE} import silu\n"
            "except ImportError:\n\n"
            "    def silu(x):\n"
            "        return x * torch.sigmoid(x)\n",
        ),
        instead(MLP_RETURN, "return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))"),
    ),
    either(
        "an optional name used by the attention, with a fallback",
        (
            IMPORTS,
            IMPORTS + "\n"
            "try:\n"
            f"    from {_NO_MODULE} import soften\n"
            "except ImportError:\n\n"
            "    def soften(x):\n"
            "        return x * 1.25\n",
        ),
        before(ROTATED, "query_states = soften(query_states)"),
    ),
    either(
        "an import under a condition",
        (
            IMPORTS,
            "import importlib.util\n\n" + IMPORTS + "\n"
            f'if importlib.util.find_spec("{_NO_MODULE}"):\n'
            f"    from {_NO_MODULE} import fused\n"
            "else:\n"
            "    fused = None\n",
        ),
        before(ROTATED, "if fused is not None:", "    query_states = fused(query_states)"),
    ),
    either(
        "an import of transformers under a condition",
        (
            IMPORTS,
            IMPORTS + "from transformers.utils import is_flash_attn_2_available\n\n"
            "if is_flash_attn_2_available():\n"
            "    from flash_attn import flash_attn_func\n",
        ),
        before(
            ROTATED,
            "if is_flash_attn_2_available() and self.training:",
            "    value_states = flash_attn_func(query_states, key_states, value_states)",
        ),
    ),
    either(
        "a function under a condition",
        (
            _HALF,
            'if hasattr(torch, "not_there"):\n\n'
            "    def enlarged(x):\n"
            "        return x\n\n"
            "else:\n\n"
            "    def enlarged(x):\n"
            "        return x * 1.25\n\n\n" + _HALF,
        ),
        before(ROTATED, "query_states = enlarged(query_states)"),
    ),
    either(
        "a function defined twice",
        (
            _HALF,
            "def enlarged(x):\n    return x\n\n\ndef enlarged(x):  # noqa: F811\n    return x * 1.25\n\n\n" + _HALF,
        ),
        before(ROTATED, "query_states = enlarged(query_states)"),
    ),
    either(
        "a helper decorated where a package is there",
        (
            _HALF,
            "try:\n"
            f"    from {_NO_MODULE} import fast\n"
            "except ImportError:\n\n"
            "    def fast(function):\n"
            "        return function\n\n\n"
            "@fast\n" + _HALF,
        ),
    ),
    either(
        "the attention function wrapped after its definition",
        (
            "class BlueprintAttention(",
            "def doubled(function):\n"
            "    def inner(*args, **kwargs):\n"
            "        output, weights = function(*args, **kwargs)\n"
            "        return output * 2, weights\n\n"
            "    return inner\n\n\n"
            "eager_attention_forward = doubled(eager_attention_forward)\n\n\n"
            "class BlueprintAttention(",
        ),
    ),
    either(
        "a method put on a class after its definition",
        (
            "class BlueprintDecoderLayer(",
            "def _doubled(self, x):\n"
            "    return self.down_proj(x[..., :1] * 0 + self.up_proj(x))\n\n\n"
            "BlueprintMLP.forward = _doubled\n\n\n"
            "class BlueprintDecoderLayer(",
        ),
    ),
    either(
        "an attention's method put on it after its definition",
        (
            "class BlueprintDecoderLayer(",
            "_forward = BlueprintAttention.forward\n"
            "BlueprintAttention.forward = lambda self, *a, **k: (_forward(self, *a, **k)[0] * 2, None)\n\n\n"
            "class BlueprintDecoderLayer(",
        ),
    ),
    either(
        "an import within a forward",
        after(LAYER_BEGIN, "from math import sqrt", "", "hidden_states = hidden_states * sqrt(1.5)"),
    ),
    equal(
        "two modules in one import",
        (IMPORTS, "import math, torch\nfrom torch import nn\n"),
        after(SCORES, "attn_weights = attn_weights * math.sqrt(1.5)"),
    ),
    either(
        "imports for types alone, in a rewritten signature",
        (
            IMPORTS,
            f"from typing import TYPE_CHECKING\n\n{IMPORTS}\nif TYPE_CHECKING:\n    from {_NO_MODULE} import Kind\n",
        ),
        ("    scaling: float,\n", '    scaling: "Kind",\n'),
    ),
    equal(
        "annotations postponed",
        (
            "from collections.abc import Callable\n",
            "from __future__ import annotations\n\nfrom collections.abc import Callable\n",
        ),
    ),
)
