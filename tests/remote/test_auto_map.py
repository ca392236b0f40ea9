"""`config.json` says which class of which file is the causal LM; what is not in the folder is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.errors import Refusal, UsageError
from qeff_codegen.generate.one_model import inspect_model
from qeff_codegen.upstream.find import find_model
from tests.remote.pebble import CONFIG, modeling, write_pebble


def auto_map(reference: object) -> dict[str, object]:
    return {"auto_map": {**CONFIG["auto_map"], "AutoModelForCausalLM": reference}}


def test_a_folder_is_generated_under_any_name(tmp_path: Path) -> None:
    model = find_model("mine", source=write_pebble(tmp_path / "Pebble-1B"))
    assert (model.name, model.causal_lm, model.display_path) == ("mine", "PebbleForCausalLM", "modeling_pebble.py")
    roles = {role.role: role for role in inspect_model(model)}
    assert roles["causal LM"].because == ("`auto_map` of config.json names it for `mine`",)


def test_the_file_of_a_folder_knows_its_class_too(tmp_path: Path) -> None:
    source = write_pebble(tmp_path) / "modeling_pebble.py"
    assert find_model("mine", source=source).causal_lm == "PebbleForCausalLM"


def test_the_class_that_the_user_names_comes_first(tmp_path: Path) -> None:
    other = modeling() + "\n\nclass OtherForCausalLM(PebbleForCausalLM):\n    pass\n"
    source = write_pebble(tmp_path, modeling_pebble=other)
    model = find_model("mine", source=source, class_name="OtherForCausalLM")
    assert (model.causal_lm, model.named_by) == ("OtherForCausalLM", "--class")


def test_a_class_that_is_not_in_the_file(tmp_path: Path) -> None:
    model = find_model("mine", source=write_pebble(tmp_path), class_name="Boulder")
    with pytest.raises(Refusal, match="`Boulder` is not defined in this file") as caught:
        inspect_model(model)
    assert "this file's own are PebbleRMSNorm, " in caught.value.next_step


def test_a_class_is_named_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--class says which causal LM of a file is meant"):
        find_model("llama", class_name="LlamaForCausalLM")


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("somebody/boulder--modeling_boulder.BoulderForCausalLM", "`.*` is of another repository"),
        ("../modeling_pebble.PebbleForCausalLM", r"`\.\./.*` is a path"),
        ("/etc/modeling_pebble.PebbleForCausalLM", "`/etc/.*` is a path"),
        ("modeling_pebble..PebbleForCausalLM", "` *.*` is a path"),
        ("modeling_boulder.BoulderForCausalLM", "`modeling_boulder.py` is not in the folder"),
        ("PebbleForCausalLM", '"PebbleForCausalLM" is no class of a module'),
        (["modeling_pebble.PebbleForCausalLM", None], r"\[.*\] is no class of a module"),
    ],
)
def test_code_that_is_elsewhere(tmp_path: Path, reference: object, why: str) -> None:
    source = write_pebble(tmp_path / "pebble", config=auto_map(reference))
    with pytest.raises(
        Refusal, match=f"names a class for AutoModelForCausalLM that is not to be read: {why}"
    ) as caught:
        find_model("mine", source=source)
    place = caught.value.location
    assert place is not None
    assert place.path == "pebble/config.json"
    assert '"AutoModelForCausalLM"' in place.excerpt


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    source = write_pebble(tmp_path / "pebble")
    (source / "modeling_pebble.py").rename(tmp_path / "elsewhere.py")
    (source / "modeling_pebble.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(Refusal, match="`modeling_pebble.py` is a link to a file outside of the folder"):
        find_model("mine", source=source)


def test_a_snapshot_of_the_hubs_cache_holds_links_to_its_own_blobs(tmp_path: Path) -> None:
    source = write_pebble(tmp_path / "snapshots" / "0123")
    (tmp_path / "blobs").mkdir()
    (source / "modeling_pebble.py").rename(tmp_path / "blobs" / "4567")
    (source / "modeling_pebble.py").symlink_to(Path("../../blobs/4567"))
    assert find_model("mine", source=source).source == modeling()


def test_without_a_class_for_causal_lms_the_file_is_read_all_the_same(tmp_path: Path) -> None:
    config = {"auto_map": {"AutoModel": "modeling_pebble.PebbleModel"}}
    model = find_model("mine", source=write_pebble(tmp_path, config=config))
    assert model.causal_lm is None
    because = {role.role: role.because for role in inspect_model(model)}["causal LM"]
    assert because == ("the one class whose forward calls a model and returns logits over the vocabulary",)


def test_a_checkpoint_without_code(tmp_path: Path) -> None:
    source = write_pebble(tmp_path, config={"auto_map": None, "model_type": "llama"})
    (source / "modeling_pebble.py").unlink()
    with pytest.raises(
        UsageError, match="Its model type is `llama`: if transformers has that, generate it by that name"
    ):
        find_model("mine", source=source)


@pytest.mark.parametrize(("text", "why"), [("{", "cannot be read as JSON"), ("[]", "it is no JSON object")])
def test_a_damaged_configuration(tmp_path: Path, text: str, why: str) -> None:
    source = write_pebble(tmp_path)
    (source / "config.json").write_text(text)
    with pytest.raises(UsageError, match=why):
        find_model("mine", source=source)
