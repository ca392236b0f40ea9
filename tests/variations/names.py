"""Names of the file that are bound in another way, hidden or put on a class from outside."""

from __future__ import annotations

from tests.variations.variation import Variation, either, equal, refused

VARIATIONS: tuple[Variation, ...] = (
    either(
        "a function that another hides",
        (
            "def rotate_half(x):\n",
            "if torch.cuda.is_available():\n"
            "    def rotate_half(x):\n"
            "        return x\n"
            "\n"
            "\n"
            "def rotate_half(x):\n",
        ),
    ),
    refused(
        "a function that is bound again",
        (
            "class BlueprintDecoderLayer(GradientCheckpointingLayer):\n",
            "repeat_kv = print\n\n\nclass BlueprintDecoderLayer(GradientCheckpointingLayer):\n",
        ),
    ),
    refused(
        "a norm that may be another",
        (
            "def rotate_half(x):\n",
            "try:\n"
            "    from fast import FastNorm\n"
            "\n"
            "    BlueprintRMSNorm = FastNorm\n"
            "except ImportError:\n"
            "    pass\n"
            "\n"
            "\n"
            "def rotate_half(x):\n",
        ),
    ),
    refused(
        "an attention that is wrapped",
        (
            "class BlueprintDecoderLayer(GradientCheckpointingLayer):\n",
            "BlueprintAttention = torch.compile(BlueprintAttention)\n"
            "\n"
            "\n"
            "class BlueprintDecoderLayer(GradientCheckpointingLayer):\n",
        ),
    ),
    refused(
        "a method that is bound again",
        (
            "class BlueprintDecoderLayer(GradientCheckpointingLayer):\n",
            "    forward = torch.no_grad()(forward)\n"
            "\n"
            "\n"
            "class BlueprintDecoderLayer(GradientCheckpointingLayer):\n",
        ),
    ),
    refused(
        "an import in a function that hides another",
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        import fast as torch\n        attn_output = self.o_proj(attn_output)\n",
        ),
    ),
    refused(
        "another `nn`",
        (
            "import torch\nfrom torch import nn\n",
            "import torch\nimport other.nn as nn\n",
        ),
    ),
    refused(
        "another `Cache`",
        (
            "import Cache, DynamicCache\n",
            "import DynamicCache\nfrom other import Cache\n",
        ),
    ),
    refused(
        "a function called like one of the runtime",
        (
            "def rotate_half(x):\n",
            "def _create_causal_mask(x):\n    return x\n\n\ndef rotate_half(x):\n",
        ),
    ),
    refused(
        "a class called like one that is generated",
        (
            "def rotate_half(x):\n",
            "class QEffBlueprintAttention:\n    pass\n\n\ndef rotate_half(x):\n",
        ),
    ),
    equal(
        "a number that is counted up",
        (
            "def rotate_half(x):\n",
            "COUNT = 3\nCOUNT += 1\n\n\ndef rotate_half(x):\n",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = attn_output * COUNT\n",
        ),
    ),
    either(
        "a method under a condition",
        (
            "    def forward(\n"
            "        self,\n"
            "        hidden_states: torch.Tensor,\n"
            "        position_embeddings",
            "    if torch.cuda.is_available():\n"
            "        def gate(self, x):\n"
            "            return x\n"
            "\n"
            "    def forward(\n"
            "        self,\n"
            "        hidden_states: torch.Tensor,\n"
            "        position_embeddings",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = self.gate(attn_output)\n",
        ),
    ),
    refused(
        "an import under `with`",
        (
            "import torch\nfrom torch import nn\n",
            "import contextlib\n"
            "import torch\n"
            "from torch import nn\n"
            "with contextlib.suppress(ImportError):\n"
            "    import fast\n",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = fast.gate(attn_output)\n",
        ),
    ),
    refused(
        "a name of a loop",
        (
            "def rotate_half(x):\n",
            "for SCALE in (1, 2):\n    pass\n\n\ndef rotate_half(x):\n",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = attn_output * SCALE\n",
        ),
    ),
    refused(
        "a name that a function changes",
        (
            "def rotate_half(x):\n",
            "SCALE = 2\n"
            "\n"
            "\n"
            "def grow():\n"
            "    global SCALE\n"
            "    SCALE = 3\n"
            "\n"
            "\n"
            "def rotate_half(x):\n",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = attn_output * SCALE\n",
        ),
    ),
    refused(
        "two functions",
        (
            "def rotate_half(x):\n",
            "if torch.cuda.is_available():\n"
            "    def gate(x):\n"
            "        return x\n"
            "else:\n"
            "    def gate(x):\n"
            "        return -x\n"
            "\n"
            "\n"
            "def rotate_half(x):\n",
        ),
        (
            "    attn_weights = torch.matmul(query",
            "    query = gate(query)\n    attn_weights = torch.matmul(query",
        ),
    ),
    refused(
        "a relative import in a function",
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        from .configuration_blueprint import SCALE\n        attn_output = self.o_proj(attn_output)\n",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = attn_output * SCALE\n",
        ),
    ),
    refused(
        "a local that hides torch",
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        nn = 2\n        attn_output = self.o_proj(attn_output)\n",
        ),
        (
            "        attn_output = self.o_proj(attn_output)\n",
            "        attn_output = self.o_proj(attn_output)\n        attn_output = attn_output * nn\n",
        ),
    ),
    equal(
        "a name for type checkers",
        (
            "from collections.abc",
            "from __future__ import annotations\n\nfrom collections.abc",
        ),
        (
            "import torch\nfrom torch import nn\n",
            "from typing import TYPE_CHECKING\n"
            "import torch\n"
            "from torch import nn\n"
            "if TYPE_CHECKING:\n"
            "    from other import Bar\n",
        ),
        (
            "        hidden_states: torch.Tensor,\n        position_embeddings",
            "        hidden_states: Bar | None,\n        position_embeddings",
        ),
    ),
)
