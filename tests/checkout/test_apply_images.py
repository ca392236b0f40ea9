"""`apply` of an image-text family: what comes into a checkout, and what takes the place of hand-written code."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.checkout.conftest import AUTO, CHECKOUT, RUFF_0_15, TRANSFORMS, make_wheel
from tests.image_text.small_model import SOURCE

Apply = Callable[..., Result]
MODELS = "QEfficient/transformers/models"
MODELING = f"{MODELS}/melon/modeling_melon.py"
TABLE = """\
### Vision-Language Models (Text + Image Generation)

| Architecture | Model Family | Representative Models | Qeff Single Qpc | Qeff Dual Qpc |
|--------------|--------------|-----------------------|-----------------|---------------|
| **PeachForConditionalGeneration** | Peach | [fruit/peach](https://huggingface.co/fruit/peach) | yes | yes |
| **AppleForConditionalGeneration** | Apple | [fruit/seen](https://huggingface.co/fruit/seen) | yes | yes |
"""
CONFIGURATION = """\
from ...configuration_utils import PreTrainedConfig
from ...utils import auto_docstring


@auto_docstring(checkpoint="fruit/Melon-1B")
class MelonConfig(PreTrainedConfig):
    model_type = "melon"
    sub_configs = {"text_config": AutoConfig, "vision_config": AutoConfig}
"""
TABLES = {
    "models__auto__modeling_auto": AUTO["models/auto/modeling_auto.py"]
    + 'MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict([("melon", "MelonForConditionalGeneration")])\n',
    "models__auto__configuration_auto": """\
CONFIG_MAPPING_NAMES = OrderedDict([("sketch", "SketchConfig"), ("apple", "AppleConfig"), ("melon", "MelonConfig")])
MODEL_NAMES_MAPPING = OrderedDict([("sketch", "Sketch!"), ("melon", "Melon")])
""",
}


def melon() -> str:
    return SOURCE.replace("Plum", "Melon").replace("plum", "melon")


@pytest.fixture
def with_images(checkout: Path, tmp_path: Path) -> Path:
    """The made-up checkout, for a release that has the image-text family `melon`."""
    further = {name.removeprefix("models__"): text for name, text in TABLES.items()}
    make_wheel(tmp_path / "cache", **further, melon__modeling_melon=melon(), melon__configuration_melon=CONFIGURATION)
    (checkout / "docs/source/validate.md").write_text(CHECKOUT["docs/source/validate.md"] + TABLE)
    return checkout


def changes(checkout: Path) -> list[str]:
    """The lines of the mapping file that came in, `+`, and that went, `-`."""
    before, after = CHECKOUT[TRANSFORMS].splitlines(), (checkout / TRANSFORMS).read_text().splitlines()
    return [line for line in difflib.ndiff(before, after) if line[0] in "-+"]


def test_the_programs_come_in_with_their_mappings_and_a_row(apply: Apply, with_images: Path) -> None:
    result = apply("melon")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"written    checkout/{MODELS}/melon/__init__.py",
        f"written    checkout/{MODELING}",
        f"written    checkout/{TRANSFORMS}",
        "written    checkout/docs/source/validate.md",
        "written    pull_request_melon.md",
        "next       python -m qeff_codegen validate melon --checkout checkout",
    ]
    assert changes(with_images) == [
        "+ from transformers.models.melon.modeling_melon import MelonForConditionalGeneration, MelonModel",
        "+ from QEfficient.transformers.models.melon.modeling_melon import QEffMelonForConditionalGeneration, "
        "QEffMelonModel",
        "+         # Melon",
        "+         MelonModel: QEffMelonModel,",
        "+         MelonForConditionalGeneration: QEffMelonForConditionalGeneration,",
    ]
    row = (with_images / "docs/source/validate.md").read_text().splitlines()[-1]
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "**MelonForConditionalGeneration**",
        "Melon",
        "[fruit/Melon-1B](https://huggingface.co/fruit/Melon-1B)",
        "",
        "",
    ]
    for command in (["check", *RUFF_0_15], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", TRANSFORMS, MODELING]
        found = subprocess.run(ruff, cwd=with_images, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout


def test_a_second_run_changes_nothing(apply: Apply, with_images: Path) -> None:
    apply("melon")
    written = [line for line in apply("melon").stdout.splitlines() if line.startswith("written")]
    assert written == []


def test_the_pull_request_says_what_the_programs_can(apply: Apply, with_images: Path) -> None:
    apply("melon")
    text = Path("pull_request_melon.md").read_text()
    assert text.startswith(
        "# Generated modeling code for MelonForConditionalGeneration\n\n`melon` for images and text, "
    )
    for line in (
        "| Two programs (`kv_offload=True`) | yes | it gives a vision encoder and a language decoder |",
        "| Several images in one call | yes | the number of images is an axis |",
        "| Continuous batching | yes | `batch_index` says which row of the cache an input row uses |",
        "| FP32 | not run | the stages run in it |",
        "- [ ] Entry in `tests/configs/image_text_model_configs.json`: not added, as it needs an image and a",
        "- [x] Row in `docs/source/validate.md`. In a new one the cells for what runs it are empty, as nothing is "
        "known of it.",
        "- [ ] `tests/transformers/models/image_text_to_text/test_image_text_to_text_models.py`, on a machine with a "
        "Cloud AI 100.",
    ):
        assert line in text
    assert "causal" not in text


BY_HAND = """\
from transformers.models.melon.modeling_melon import MelonForConditionalGeneration, MelonModel
from transformers.models.pear.modeling_pear import PearForCausalLM


class QEFFMelonDecoderWrapper:
    pass


class QEffMelonSeen(PearForCausalLM):
    pass


class QEffMelonModel(MelonModel):
    pass


class QEffMelonForConditionalGeneration(MelonForConditionalGeneration):
    pass
"""


@pytest.fixture
def by_hand(with_images: Path) -> Path:
    """The made-up checkout with the family written by hand: with a part of its tower, in another spelling."""
    text = CHECKOUT[TRANSFORMS]
    for old, new in (
        (
            "from transformers.models.pear.",
            "from transformers.models.melon.modeling_melon import MelonForConditionalGeneration\n"
            "from transformers.models.pear.",
        ),
        (
            "from QEfficient.transformers.models.pear.modeling_pear import QEffPearForCausalLM\n",
            "from QEfficient.transformers.models.melon.modeling_melon import (\n    QEFFMelonDecoderWrapper,\n"
            "    QEffMelonForConditionalGeneration,\n    QEffMelonSeen,\n)\n",
        ),
        (
            "        PearForCausalLM: QEffPearForCausalLM,  # a pear\n",
            "        PearForCausalLM: QEffMelonSeen,\n"
            "        MelonForConditionalGeneration: QEffMelonForConditionalGeneration,\n",
        ),
        (
            "    # supported\n    _module_mapping = {\n",
            "    # supported\n    _module_mapping = {\n        QEFFMelonDecoderWrapper,\n",
        ),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (with_images / TRANSFORMS).write_text(text)
    (with_images / MODELING).parent.mkdir()
    (with_images / MODELING).write_text(BY_HAND)
    return with_images


def test_a_hand_written_family_stays_unless_it_is_to_be_replaced(apply: Apply, by_hand: Path) -> None:
    result = apply("melon")
    assert result.exit_code == 3
    assert f"the checkout has `melon` already, written by hand in {MODELING}" in result.stderr


def test_the_generated_programs_take_over_and_the_tower_is_upstreams(apply: Apply, by_hand: Path) -> None:
    result = apply("melon", "--replace")
    assert result.exit_code == 0, result.output
    text = (by_hand / TRANSFORMS).read_text()
    assert "PearForCausalLM" not in text and "QEffMelonSeen" not in text
    assert "MelonForConditionalGeneration: QEffMelonForConditionalGeneration,\n" in text
    assert "MelonModel: QEffMelonModel,\n" in text
    # The sampler's set has the new decoder.
    assert "        QEffMelonDecoderWrapper,\n        QEffAppleForCausalLM,\n" in text
    said = f"{TRANSFORMS}: `PearForCausalLM` is upstream's own now, as it had its replacement in the replaced file"
    assert f"look at    {said}" in result.stderr
    assert f"- [ ] Look at {said}." in Path("pull_request_melon.md").read_text()
    assert not (by_hand / MODELS / "melon/modeling_melon_by_hand.py").exists()
