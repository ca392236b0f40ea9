"""A made-up checkout in QEfficient's layout: a pin, mappings, and the modeling files they name."""

from __future__ import annotations

from pathlib import Path

MAPPINGS = """\
from transformers.models.pear.modeling_pear import PearAttention, PearForCausalLM, PearRMSNorm
from transformers.models.plum.modeling_plum import PlumForCausalLM

from QEfficient.customop import CustomRMSNormAIC
from QEfficient.transformers.models.pear_tree.modeling_pear import QEffPearAttention, QEffPearForCausalLM
from QEfficient.transformers.models.plum.modeling_plum import QEffPlumForCausalLM


class CustomOpsTransform:
    _module_mapping = {PearRMSNorm: CustomRMSNormAIC}


class KVCacheTransform:
    _module_mapping = {
        # Fruit.
        PearAttention: QEffPearAttention,
        PearForCausalLM: QEffPearForCausalLM,
        PlumForCausalLM: QEffPlumForCausalLM,
    }
"""
MODELS = Path("QEfficient/transformers/models")
PEAR = MODELS / "pear_tree" / "modeling_pear.py"


def mapped_checkout(root: Path, transformers: str = "5.5.4") -> Path:
    """Writes the checkout to `root`, which need not exist, and returns it."""
    files = {
        Path("pyproject.toml"): f'[project]\nname = "QEfficient"\ndependencies = ["transformers=={transformers}"]\n',
        Path("QEfficient/__init__.py"): "",
        MODELS / "pytorch_transforms.py": MAPPINGS,
        PEAR: "class QEffPearForCausalLM: ...\n",
        MODELS / "plum" / "modeling_plum.py": "class QEffPlumForCausalLM: ...\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return root
