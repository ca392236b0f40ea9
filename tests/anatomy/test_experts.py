"""The classes that share the work of a mixture of experts are told apart, and so are wrappers of an attention."""

from __future__ import annotations

from pathlib import Path

import pytest

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.anatomy.roles import Role
from tests.rewrite_rules.example_runner import HERE, example_model


def recognised(example: str) -> Anatomy:
    return recognise(read_modeling_file(example_model((Path(HERE) / example / "before.py").read_text())))


@pytest.mark.parametrize("example", ["unsorted_experts/added_by_token", "unsorted_experts/added_by_choice"])
def test_sorted_experts_are_router_projection_and_dispatcher(example: str) -> None:
    found = {part.name: part.role for part in recognised(example).experts}
    assert found == {
        "TinyRouter": Role.EXPERT_ROUTER,
        "TinyProjection": Role.EXPERT_PROJECTION,
        "TinyDispatcher": Role.EXPERT_DISPATCHER,
    }


def test_a_dispatcher_is_entered_where_it_calls_a_projection() -> None:
    dispatcher = recognised("unsorted_experts/added_by_choice").part("TinyDispatcher")
    assert dispatcher is not None and dispatcher.entries == ("map", "reduce")


def test_a_module_between_dispatcher_and_projections_carries_rows() -> None:
    found = {part.name: part.role for part in recognised("unsorted_rows/carried").experts}
    assert found == {
        "TinyExperts": Role.EXPERT_DISPATCHER,
        "TinyCarrier": Role.EXPERT_CARRIER,
        "TinyProjection": Role.EXPERT_PROJECTION,
    }


def test_what_computes_one_expert_is_found_by_its_call() -> None:
    found = {part.name: part.role for part in recognised("expert_of_many_tokens/transposed_weights").experts}
    assert found == {"TinyExperts": Role.EXPERTS, "TinyExpert": Role.EXPERT}


def test_experts_of_every_token_are_found_with_who_repeats_the_tokens() -> None:
    found = {part.name: part.role for part in recognised("experts_of_choices/gathered").experts}
    assert found == {"TinyExperts": Role.DENSE_EXPERTS, "TinyMixture": Role.DENSE_DISPATCHER}


def test_experts_in_a_list_are_told_from_experts_in_one_weight() -> None:
    found = {part.name: part.role for part in recognised("experts_one_by_one/hit_experts").experts}
    assert found == {"TinyMixture": Role.LISTED_EXPERTS}


def test_a_list_of_experts_is_told_from_a_module_that_has_one() -> None:
    found = {part.name: part.role for part in recognised("experts_in_stretches/sorted_by_expert").experts}
    assert found == {"TinyExperts": Role.EXPERTS_IN_LIST}


def test_a_module_between_layer_and_attention_is_on_the_call_path() -> None:
    anatomy = recognised("return_cache/attention_wrapper")
    assert list(anatomy.callees(Role.DECODER_LAYER)) == ["self.wrapper"]
    assert list(anatomy.callees(Role.ATTENTION_WRAPPER)) == ["self.attn"]


def test_attentions_in_a_list_are_called_by_number() -> None:
    source = example_model((Path(HERE) / "return_cache/attention_wrapper/before.py").read_text()).source
    assert "hidden_states, _ = self.attn(" in source
    twice = source.replace("self.attn = TinyAttention(config, layer_idx)", LIST).replace("self.attn(", "self.attn[1](")
    upstream = example_model("")
    attention = recognise(read_modeling_file(type(upstream)("t", "t.py", "t", twice))).parts(Role.ATTENTION)
    assert attention[0].called_as == ("self.attn[1]",)


LIST = "self.attn = nn.ModuleList([TinyAttention(config, 2 * layer_idx + i) for i in [0, 1]])"


def test_experts_in_a_list_are_found_where_tokens_are_sorted_for_them() -> None:
    found = {part.name: part.role for part in recognised("experts_not_sorted/one_process").experts}
    assert found == {"TinyMixture": Role.LISTED_EXPERTS}
