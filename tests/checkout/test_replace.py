"""`apply --replace`: generated code takes the place of hand-written code, and nobody's import breaks."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.checkout.conftest import TRANSFORMS, contents

Apply = Callable[..., Result]
MODELS = "QEfficient/transformers/models"
MODELING = f"{MODELS}/apple/modeling_apple.py"
BY_HAND = f"{MODELS}/apple/modeling_apple_by_hand.py"

MODELING_TEXT = """\
# A licence.

import math

import torch
from transformers.models.apple.modeling_apple import (
    AppleAttention,
    AppleDecoderLayer,
    AppleForCausalLM,
    AppleMLP,
    rotate_half,
)

from QEfficient.utils import constants


def turned(x):
    # Half a turn.
    return rotate_half(x) * constants.ONE


class QEffAppleAttention(AppleAttention):
    def forward(self, hidden_states):
        return turned(hidden_states)


class QEFFAppleDecoderLayer(AppleDecoderLayer):
    def forward(self, hidden_states):
        return torch.sqrt(self.self_attn(hidden_states))


class QEffAppleMLP(AppleMLP):
    def forward(self, x):
        return math.pi * x


class QEffAppleForCausalLM(AppleForCausalLM):
    pass
"""
USERS = {
    "QEfficient/table.py": """\
from .transformers.models.apple.modeling_apple import QEffAppleAttention, QEFFAppleDecoderLayer, turned

TABLE = {"attention": QEffAppleAttention, "layer": QEFFAppleDecoderLayer, "function": turned}
""",
    "QEfficient/peft.py": """\
from QEfficient.transformers.models.apple.modeling_apple import QEffAppleForCausalLM


class Adapted(QEffAppleForCausalLM):
    pass
""",
}


@pytest.fixture
def by_hand(checkout: Path) -> Path:
    """The made-up checkout with a hand-written family whose names others import."""
    edited(checkout / TRANSFORMS, "    AppleAttention,\n", "    AppleAttention,\n    AppleDecoderLayer,\n")
    edited(checkout / TRANSFORMS, "    AppleForCausalLM,\n", "    AppleForCausalLM,\n    AppleMLP,\n")
    edited(checkout / TRANSFORMS, "    QEffAppleAttention,\n", "    QEffAppleAttention,\n    QEFFAppleDecoderLayer,\n")
    edited(checkout / TRANSFORMS, "    QEffAppleForCausalLM,\n)", "    QEffAppleForCausalLM,\n    QEffAppleMLP,\n)")
    added(checkout, "        AppleDecoderLayer: QEFFAppleDecoderLayer,\n        AppleMLP: QEffAppleMLP,\n")
    for name, text in {MODELING: MODELING_TEXT, **USERS}.items():
        (checkout / name).write_text(text)
    return checkout


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def added(checkout: Path, entries: str) -> None:
    line = "        AppleAttention: QEffAppleAttention,\n"
    edited(checkout / TRANSFORMS, line, line + entries)


def names(text: str) -> set[str]:
    """What a module's top has, imports included."""
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found |= {item.asname or item.name for item in node.names}
        elif isinstance(node, ast.Assign):
            found |= {item.id for item in node.targets if isinstance(item, ast.Name)}
    return found


def test_without_replace_nothing_changes(apply: Apply, by_hand: Path) -> None:
    before = contents(by_hand)
    result = apply("apple")
    assert result.exit_code == 3
    assert "give --replace" in result.stderr
    assert contents(by_hand) == before


def test_every_name_that_others_import_is_still_there(apply: Apply, by_hand: Path) -> None:
    result = apply("apple", "--replace")
    assert result.exit_code == 0, result.output
    code = (by_hand / MODELING).read_text()
    assert "DO NOT EDIT" in code
    assert {"QEffAppleAttention", "QEffAppleDecoderLayer", "QEFFAppleDecoderLayer", "turned"} <= names(code)
    assert code.endswith(f"""

# Written by hand, and imported from here by other files.
from {MODELS.replace("/", ".")}.apple.modeling_apple_by_hand import (  # noqa: E402, F401
    turned,
)

# Names by which other files import these classes.
QEFFAppleDecoderLayer = QEffAppleDecoderLayer
""")
    for name, text in USERS.items():
        assert (by_hand / name).read_text() == text


def test_what_stays_is_as_it_was_with_the_imports_that_it_needs(apply: Apply, by_hand: Path) -> None:
    apply("apple", "--replace")
    assert (by_hand / BY_HAND).read_text() == """\
# A licence.

# Written by hand; other files of this repository still use it:
# QEfficient/table.py

from transformers.models.apple.modeling_apple import rotate_half

from QEfficient.utils import constants


def turned(x):
    # Half a turn.
    return rotate_half(x) * constants.ONE
"""


def test_entries_point_to_generated_classes_and_others_of_the_family_go(apply: Apply, by_hand: Path) -> None:
    apply("apple", "--replace")
    text = (by_hand / TRANSFORMS).read_text()
    assert "QEFFApple" not in text
    assert "AppleMLP" not in text
    group = text.split("        # Apple\n")[1].split("        PearForCausalLM")[0]
    classes = ["Attention", "DecoderLayer", "ForCausalLM", "Model", "RotaryEmbedding"]
    assert sorted(group.splitlines()) == [f"        Apple{name}: QEffApple{name}," for name in classes]


def test_twice_is_once(apply: Apply, by_hand: Path) -> None:
    (by_hand / "QEfficient/builder.py").write_text("""\
from QEfficient.transformers.models.apple.modeling_apple import QEffAppleAttention, turned

ATTENTION = turned(QEffAppleAttention())
""")
    apply("apple", "--replace")
    before = contents(by_hand.parent)
    assert "- `QEfficient/builder.py`\n" in Path("pull_request_apple.md").read_text()
    assert f"- `{BY_HAND}`\n" in Path("pull_request_apple.md").read_text()
    for arguments in (("apple",), ("apple", "--replace")):
        assert apply(*arguments).exit_code == 0
        # The text of the pull request, too, with every file that the change has.
        assert contents(by_hand.parent) == before


def test_a_class_that_inherits_is_pointed_out(apply: Apply, by_hand: Path) -> None:
    result = apply("apple", "--replace")
    assert (
        "look at    QEfficient/peft.py:4: `Adapted` inherits from the replaced `QEffAppleForCausalLM`\n"
        in result.stderr
    )


def test_who_builds_a_hand_written_layer_keeps_it_with_its_attention(apply: Apply, by_hand: Path) -> None:
    user = by_hand / "QEfficient/builder.py"
    edited(by_hand / MODELING, "QEFFAppleDecoderLayer", "QEffAppleDecoderLayer")
    (by_hand / "QEfficient/table.py").unlink()
    transforms = by_hand / TRANSFORMS
    transforms.write_text(transforms.read_text().replace("QEFFApple", "QEffApple"))
    user.write_text("""\
from transformers.models.apple.modeling_apple import AppleMLP
from QEfficient.transformers.models.apple.modeling_apple import QEffAppleDecoderLayer

LAYER = QEffAppleDecoderLayer(AppleMLP, 0)
""")
    assert apply("apple", "--replace").exit_code == 0
    assert user.read_text().splitlines()[:2] == [
        "from transformers.models.apple.modeling_apple import AppleMLP",
        "from QEfficient.transformers.models.apple.modeling_apple_by_hand import QEffAppleDecoderLayer",
    ]
    kept = (by_hand / BY_HAND).read_text()
    assert """\
class QEffAppleDecoderLayer(AppleDecoderLayer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Transforms know upstream's classes only: these parts stay what they are.
        self.self_attn.__class__ = QEffAppleAttention
        self.mlp.__class__ = QEffAppleMLP

    def forward(self, hidden_states):
""" in kept
    assert {"QEffAppleAttention", "turned"} <= names(kept)
    assert "QEffAppleForCausalLM" not in kept


def refused(apply: Apply, checkout: Path) -> str:
    before = contents(checkout)
    result = apply("apple", "--replace")
    assert result.exit_code == 3, result.output
    assert contents(checkout) == before
    return result.stderr


def test_a_class_mapped_onto_a_replaced_one_is_a_refusal(apply: Apply, by_hand: Path) -> None:
    (by_hand / MODELING).write_text(MODELING_TEXT + "\n\nclass QEffPrefillApple(QEffAppleMLP):\n    pass\n")
    edited(by_hand / TRANSFORMS, "    QEffAppleMLP,\n", "    QEffAppleMLP,\n    QEffPrefillApple,\n")
    transforms = by_hand / TRANSFORMS
    transforms.write_text(
        transforms.read_text()
        + "\n\nclass PrefillTransform:\n    _module_mapping = {\n"
        + "        QEffAppleAttention: QEffPrefillApple,\n    }\n"
    )
    said = refused(apply, by_hand)
    line = transforms.read_text().splitlines().index("        QEffAppleAttention: QEffPrefillApple,") + 1
    assert "`PrefillTransform` uses the hand-written `QEffPrefillApple`, for `QEffAppleAttention`" in said
    assert f"({MODELING}:" in said
    assert f"at       {TRANSFORMS}:{line}" in said


def test_an_entry_of_what_is_no_part_of_the_causal_lm_is_a_refusal(apply: Apply, by_hand: Path) -> None:
    (by_hand / MODELING).write_text(MODELING_TEXT + "\n\nclass QEffAppleForImages:\n    pass\n")
    edited(by_hand / TRANSFORMS, "    QEffAppleMLP,\n", "    QEffAppleForImages,\n    QEffAppleMLP,\n")
    edited(by_hand / TRANSFORMS, "    AppleMLP,\n", "    AppleForImages,\n    AppleMLP,\n")
    added(by_hand, "        AppleForImages: QEffAppleForImages,\n")
    assert "`QEffAppleForImages`, for `AppleForImages`, is no part of AppleForCausalLM" in refused(apply, by_hand)


def test_what_rests_on_a_replaced_class_cannot_stay(apply: Apply, by_hand: Path) -> None:
    text = MODELING_TEXT + "\n\nclass QEffBigApple(QEffAppleAttention):\n    pass\n"
    (by_hand / MODELING).write_text(text)
    module = f"{MODELS.replace('/', '.')}.apple.modeling_apple"
    (by_hand / "QEfficient/big.py").write_text(f"import math\nfrom {module} import QEffBigApple\n")
    said = refused(apply, by_hand)
    assert "QEfficient/big.py:2 imports `QEffBigApple`, which rests on `QEffAppleAttention`" in said
    assert f"at       {MODELING}:{text.splitlines().index('class QEffBigApple(QEffAppleAttention):') + 1}" in said


def test_a_module_imported_as_a_whole_is_a_refusal(apply: Apply, by_hand: Path) -> None:
    (by_hand / "QEfficient/whole.py").write_text("from .transformers.models.apple import modeling_apple\n")
    assert "QEfficient/whole.py:1 imports" in refused(apply, by_hand)


@pytest.mark.parametrize(
    ("entry", "written"),
    [
        # It would go, and leave its second line.
        ("        AppleMLP: QEffAppleMLP,\n", "        AppleMLP:\n            QEffAppleMLP,\n"),
        # It would be changed, and keep its old value.
        (
            "        AppleDecoderLayer: QEFFAppleDecoderLayer,\n",
            "        AppleDecoderLayer:\n            QEFFAppleDecoderLayer,\n",
        ),
        # It would take the other family's along.
        (
            "        AppleMLP: QEffAppleMLP,\n",
            "        AppleMLP: QEffAppleMLP, QuinceForCausalLM: QEffPearForCausalLM,\n",
        ),
    ],
)
def test_entries_in_another_form_are_a_refusal(apply: Apply, by_hand: Path, entry: str, written: str) -> None:
    edited(by_hand / TRANSFORMS, entry, written)
    line = (by_hand / TRANSFORMS).read_text().splitlines().index(written.splitlines()[0]) + 1
    said = refused(apply, by_hand)
    assert f"`KVCacheTransform` of {TRANSFORMS} cannot be given entries: an entry of its" in said
    assert f"at       {TRANSFORMS}:{line}\n" in said


def test_a_key_that_is_mapped_again_below_is_served_from_there(apply: Apply, by_hand: Path) -> None:
    added(by_hand, "        AppleAttention: QEffPearForCausalLM,\n")
    assert "the classes of `apple` are taken over by several modules" in refused(apply, by_hand)


@pytest.mark.parametrize("name", [MODELING, f"{MODELS}/apple/__init__.py"])
def test_a_file_that_is_no_python_is_a_refusal(apply: Apply, by_hand: Path, name: str) -> None:
    (by_hand / name).write_text("import math\n\ndef f(:\n")
    said = refused(apply, by_hand)
    assert f"{name} is not valid Python: " in said
    assert f"at       {name}:3\n  source   def f(:" in said


def test_for_a_new_family_no_other_file_is_read(apply: Apply, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qeff_codegen.checkout.replace.importers", lambda *_: pytest.fail("the checkout is read"))
    assert apply("sketch").exit_code == 0


@pytest.mark.parametrize(
    "statement",
    [
        "try:\n    from math import tau\nexcept ImportError:\n    tau = 6\n",
        "tau, half = 6, 3\n",
        "if math.pi > 3:\n    tau = 6\n",
    ],
)
def test_what_stays_must_have_what_it_uses(apply: Apply, by_hand: Path, statement: str) -> None:
    path = by_hand / MODELING
    edited(path, "def turned(x):\n", f"{statement}\n\ndef turned(x):\n")
    edited(path, "constants.ONE\n", "constants.ONE * tau\n")
    said = refused(apply, by_hand)
    assert "hand-written code that other files need uses `tau`, and it is not seen where that comes from" in said
    edited(path, statement, "from math import tau\n")
    assert apply("apple", "--replace").exit_code == 0
    assert "from math import tau\n" in (by_hand / BY_HAND).read_text()


def test_how_what_stays_is_read_stays(apply: Apply, by_hand: Path) -> None:
    edited(by_hand / MODELING, "import math\n", "from __future__ import annotations\n\nimport math\n")
    edited(by_hand / MODELING, "def turned(x):", "def turned(x: Later):")
    assert apply("apple", "--replace").exit_code == 0
    assert "\nfrom __future__ import annotations\n\n" in (by_hand / BY_HAND).read_text()


def test_an_initializer_that_others_may_import_from_is_a_refusal(apply: Apply, by_hand: Path) -> None:
    path = f"{MODELS}/apple/__init__.py"
    (by_hand / path).write_text("# A licence.\nfrom .modeling_apple import QEffAppleMLP as Body\n")
    said = refused(apply, by_hand)
    assert f"{path} is written by hand, and a generated one would take away what others import from it" in said
    assert f"at       {path}:2\n" in said
    (by_hand / path).write_text('"""Apples."""\n')
    assert apply("apple", "--replace").exit_code == 0
