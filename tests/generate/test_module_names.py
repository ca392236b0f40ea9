"""What a file binds under conditions, twice or elsewhere: followed as it is, or refused with the line."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from qeff_codegen.engine import rule_set
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.find import find_model

TORCH = "import torch\nfrom torch import nn\n"
OUT = "        attn_output = self.o_proj(attn_output)\n"
HALF = "def rotate_half(x):\n"
SOFTMAX = "nn.functional.softmax"
LAYER = "class BlueprintDecoderLayer(GradientCheckpointingLayer):\n"
HIDDEN = "        hidden_states: torch.Tensor,\n        position_embeddings"
ATTEND = "    def forward(\n" + "        self,\n" + HIDDEN
MODULE = "qeff_codegen.examples.blueprint.modeling_blueprint"

Changes = tuple[tuple[str, str], ...]


def used(expression: str) -> tuple[str, str]:
    """What an attention puts out goes through an expression of `attn_output`."""
    return OUT, f"{OUT}        attn_output = {expression}\n"


def with_changes(changes: Changes) -> str:
    source = find_model("blueprint").source
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


EINOPS = "\ntry:\n    import einops\nexcept ImportError:\n    einops = None\n"
# Changes to Blueprint, with the imports that the generated file has beside Blueprint's, and those that it has not.
FOLLOWED: dict[str, tuple[Changes, set[str]]] = {
    "an import that may fail": (
        (
            (TORCH, TORCH + EINOPS),
            (OUT, OUT + "        if einops is not None:\n            attn_output = 1 * attn_output\n"),
        ),
        {f"from {MODULE} import einops"},
    ),
    "an import that must not fail": (
        (
            (TORCH, TORCH + "try:\n    import einops\nexcept ImportError:\n    raise\n"),
            used("einops.asnumpy(attn_output)"),
        ),
        {f"from {MODULE} import einops"},
    ),
    "an import or another": (
        (
            (
                TORCH,
                f"{TORCH}if torch.cuda.is_available():\n    from fast import gate\nelse:\n    from slow import gate\n",
            ),
            used("gate(attn_output)"),
        ),
        {f"from {MODULE} import gate"},
    ),
    "an import or a function": (
        (
            (
                HALF,
                "try:\n    from fast import gate\nexcept ImportError:\n    def gate(x):\n        return x\n\n\n"
                + HALF,
            ),
            used("gate(attn_output)"),
        ),
        {f"from {MODULE} import gate"},
    ),
    "an import that a function hides": (((TORCH, TORCH + "from other import repeat_kv\n"),), set()),
    "a function that another hides": (
        ((HALF, f"if torch.cuda.is_available():\n    def rotate_half(x):\n        return x\n\n\n{HALF}"),),
        set(),
    ),
    "a number that is counted up": (
        ((HALF, f"COUNT = 3\nCOUNT += 1\n\n\n{HALF}"), used("attn_output * COUNT")),
        {f"from {MODULE} import COUNT"},
    ),
    "one import twice": (
        ((TORCH, TORCH + 2 * "import torch.nn.functional as F\n"), (SOFTMAX, "F.softmax")),
        {"import torch.nn.functional as F"},
    ),
    "a part of a package and the package": (((TORCH, "import torch.nn.functional\n" + TORCH),), set()),
    "a package under another name": (
        ((TORCH, TORCH + "import torch as th\n"), (SOFTMAX, "th.nn.functional.softmax")),
        {"import torch as th"},
    ),
    "an import in a function": (
        ((OUT, "        import math\n" + OUT), used("attn_output * math.pi")),
        {"import math"},
    ),
    "a name for type checkers, quoted": (
        (
            (TORCH, "from typing import TYPE_CHECKING\n" + TORCH + "if TYPE_CHECKING:\n    from other import Bar\n"),
            (HIDDEN, HIDDEN.replace("torch.Tensor", '"Bar"')),
        ),
        set(),
    ),
    "a name for type checkers": (
        (
            ("from collections.abc", "from __future__ import annotations\n\nfrom collections.abc"),
            (TORCH, "from typing import TYPE_CHECKING\n" + TORCH + "if TYPE_CHECKING:\n    from other import Bar\n"),
            (HIDDEN, HIDDEN.replace("torch.Tensor", "Bar | None")),
        ),
        {"from __future__ import annotations", "from typing import TYPE_CHECKING", "from other import Bar"},
    ),
    "annotations that are never evaluated": (
        (
            ("from collections.abc", "from __future__ import annotations\n\nfrom collections.abc"),
            (HIDDEN, HIDDEN.replace("torch.Tensor", '"torch.Tensor" | None')),
        ),
        {"from __future__ import annotations"},
    ),
    "a method under a condition": (
        (
            (
                ATTEND,
                "    if torch.cuda.is_available():\n        def gate(self, x):\n            return x\n\n" + ATTEND,
            ),
            used("self.gate(attn_output)"),
        ),
        set(),
    ),
}


def imports(code: str) -> set[str]:
    """Every import of a file, one name each."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                found.add(ast.unparse(ast.Import([alias]) if isinstance(node, ast.Import) else _of_one(node, alias)))
    return found


def _of_one(node: ast.ImportFrom, alias: ast.alias) -> ast.ImportFrom:
    return ast.ImportFrom(node.module, [alias], node.level)


@pytest.mark.parametrize("name", FOLLOWED)
def test_is_followed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What an unknown function computes of tokens is refused; here the question is where its name comes from.
    others = tuple(check for check in rule_set.checks() if check.id != "tokens_apart")
    monkeypatch.setattr(rule_set, "checks", lambda: others)
    changes, expected = FOLLOWED[name]
    upstream = find_model("blueprint")
    code = generate_model(replace(upstream, source=with_changes(changes))).code
    usual = imports(generate_model(upstream).code)
    assert imports(code) - usual == expected
    # All that is used is imported: `verify` has seen to it. Nothing of upstream's conditions runs a second time.
    assert "try:" not in code


def test_what_only_type_checkers_import_is_not_imported_when_it_runs() -> None:
    changes, _ = FOLLOWED["a name for type checkers"]
    tree = ast.parse(generate_model(replace(find_model("blueprint"), source=with_changes(changes))).code)
    first, *others = (node for node in tree.body if not isinstance(node, ast.Expr))
    assert ast.unparse(first) == "from __future__ import annotations"
    guarded = [node for node in others if isinstance(node, ast.If)]
    assert [ast.unparse(node) for node in guarded] == ["if TYPE_CHECKING:\n    from other import Bar"]


SURE = "does not always have"
TWICE = "may stand for something else"
# Changes to Blueprint, the line that the message shows, and what it says.
REFUSED: dict[str, tuple[Changes, str, str]] = {
    "an import under a condition": (
        ((TORCH, TORCH + "if torch.cuda.is_available():\n    from fast import gate\n"), used("gate(attn_output)")),
        "    from fast import gate",
        SURE,
    ),
    "an import that is passed over": (
        ((TORCH, TORCH + "try:\n    import fast\nexcept ImportError:\n    pass\n"), used("fast.gate(attn_output)")),
        "    import fast",
        SURE,
    ),
    "an import under `with`": (
        (
            (TORCH, f"import contextlib\n{TORCH}with contextlib.suppress(ImportError):\n    import fast\n"),
            used("fast.gate(attn_output)"),
        ),
        "    import fast",
        SURE,
    ),
    "a name of a loop": (
        ((HALF, f"for SCALE in (1, 2):\n    pass\n\n\n{HALF}"), used("attn_output * SCALE")),
        "for SCALE in (1, 2):",
        SURE,
    ),
    "a name in a condition": (
        ((HALF, f"if torch.version.cuda and (SCALE := 2):\n    pass\n\n\n{HALF}"), used("attn_output * SCALE")),
        "if torch.version.cuda and (SCALE := 2):",
        SURE,
    ),
    "a name that is deleted": (
        ((HALF, f"SCALE = 2\ndel SCALE\n\n\n{HALF}"), used("attn_output * SCALE")),
        "del SCALE",
        SURE,
    ),
    "a name that a function changes": (
        (
            (HALF, f"SCALE = 2\n\n\ndef grow():\n    global SCALE\n    SCALE = 3\n\n\n{HALF}"),
            used("attn_output * SCALE"),
        ),
        "    global SCALE",
        "does not keep",
    ),
    "a global that is bound": (
        ((HALF, f"SCALE = 2\n\n\n{HALF}"), (OUT, "        global SCALE\n        SCALE = 3\n" + OUT)),
        "        global SCALE",
        "binds `SCALE` in its module",
    ),
    "a star import": (
        ((TORCH, TORCH + "from fast import *\n"), used("gate(attn_output)")),
        "from fast import *",
        "star import",
    ),
    "a star import of nothing that is used": (
        ((TORCH, TORCH + "from math import *\n"),),
        "from math import *",
        "star",
    ),
    "two functions": (
        (
            (
                HALF,
                f"if torch.cuda.is_available():\n    def gate(x):\n        return x\nelse:\n    def gate(x):\n"
                f"        return -x\n\n\n{HALF}",
            ),
            (
                "    attn_weights = torch.matmul(query",
                "    query = gate(query)\n    attn_weights = torch.matmul(query",
            ),
        ),
        "    def gate(x):",
        TWICE,
    ),
    "a function that is bound again": (((LAYER, f"repeat_kv = print\n\n\n{LAYER}"),), "repeat_kv = print", TWICE),
    "a function that is imported again": (
        ((LAYER, f"from fast import repeat_kv\n\n\n{LAYER}"),),
        "from fast import repeat_kv",
        TWICE,
    ),
    "a norm that may be another": (
        (
            (
                HALF,
                "try:\n    from fast import FastNorm\n\n    BlueprintRMSNorm = FastNorm\n"
                f"except ImportError:\n    pass\n\n\n{HALF}",
            ),
        ),
        "    BlueprintRMSNorm = FastNorm",
        TWICE,
    ),
    "an attention that is wrapped": (
        ((LAYER, f"BlueprintAttention = torch.compile(BlueprintAttention)\n\n\n{LAYER}"),),
        "BlueprintAttention = torch.compile(BlueprintAttention)",
        TWICE,
    ),
    "a method that is bound again": (
        ((LAYER, f"    forward = torch.no_grad()(forward)\n\n\n{LAYER}"),),
        "    forward = torch.no_grad()(forward)",
        TWICE,
    ),
    "a method that is set from outside": (
        ((LAYER, f"BlueprintAttention.forward = print\n\n\n{LAYER}"),),
        "BlueprintAttention.forward = print",
        "changes `BlueprintAttention`",
    ),
    "a method that is set by name": (
        ((LAYER, f'setattr(BlueprintAttention, "forward", print)\n\n\n{LAYER}'),),
        'setattr(BlueprintAttention, "forward", print)',
        "changes `BlueprintAttention`",
    ),
    "a class in a decorator's hands": (
        (("class BlueprintAttention(", "@torch.compile\nclass BlueprintAttention("),),
        "@torch.compile",
        "wears a decorator",
    ),
    "a relative import in a function": (
        ((OUT, "        from .configuration_blueprint import SCALE\n" + OUT), used("attn_output * SCALE")),
        "        from .configuration_blueprint import SCALE",
        "imports relatively",
    ),
    "an import in a function that hides another": (
        ((OUT, "        import fast as torch\n" + OUT),),
        "        import fast as torch",
        "something else at the top",
    ),
    "a local that hides torch": (
        ((OUT, "        nn = 2\n" + OUT), used("attn_output * nn")),
        "    def forward(",
        "`nn`",
    ),
    "another `nn`": (((TORCH, "import torch\nimport other.nn as nn\n"),), "import other.nn as nn", "torch.nn by `nn`"),
    "another `Cache`": (
        (("import Cache, DynamicCache\n", "import DynamicCache\nfrom other import Cache\n"),),
        "from other import Cache",
        "`Cache`",
    ),
    "a function called like one of the runtime": (
        ((HALF, f"def _create_causal_mask(x):\n    return x\n\n\n{HALF}"),),
        "def _create_causal_mask(x):",
        "`_create_causal_mask`",
    ),
    "a class called like one that is generated": (
        ((HALF, f"class QEffBlueprintAttention:\n    pass\n\n\n{HALF}"),),
        "class QEffBlueprintAttention:",
        "`QEffBlueprintAttention`",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_its_line(name: str) -> None:
    changes, line, says = REFUSED[name]
    with pytest.raises(Refusal, match=says) as refused:
        generate_model(replace(find_model("blueprint"), source=with_changes(changes)))
    assert refused.value.location is not None
    assert refused.value.location.excerpt == line
