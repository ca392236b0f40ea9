"""The compiler's input files and its command, held against the words of the contract."""

from __future__ import annotations

import json
from pathlib import Path

from qeff_codegen.deploy import custom_io, partition_config
from qeff_codegen.deploy.compile_options import CompileOptions, SpecializationsFormat
from qeff_codegen.deploy.compiler_command import compiler_command
from qeff_codegen.deploy.find_compiler import SDK_COMPILER
from qeff_codegen.deploy.specializations import render, specializations, specializations_for
from qeff_codegen.export.graph_io import KVShape, StateShape

CONTRACT_SPECIALIZATIONS = """\
{"specializations": [
  {"name": "Prefill", "symbols": {"batch_size": "1", "ctx_len": "128", "seq_len": "32"}},
  {"name": "Decode", "symbols": {"batch_size": "1", "ctx_len": "128", "seq_len": "1"}}]}
"""
CONTRACT_CUSTOM_IO = """\
 - IOName: past_key.0
   Precision: float16

 - IOName: past_key.0_RetainedState
   Precision: float16

 - IOName: past_value.0
   Precision: float16

 - IOName: past_value.0_RetainedState
   Precision: float16

"""


def test_specializations() -> None:
    assert render(specializations(CompileOptions()), SpecializationsFormat.NAMED) == CONTRACT_SPECIALIZATIONS


def test_continuous_batching() -> None:
    prefill, decode = specializations(CompileOptions(full_batch_size=4))
    assert prefill.symbols == {
        "batch_size": 1,
        "ctx_len": 128,
        "full_batch_exec_size": 1,
        "full_batch_size": 4,
        "seq_len": 32,
    }
    assert decode.symbols == {"batch_size": 4, "ctx_len": 128, "full_batch_size": 4, "seq_len": 1}


def test_compute_context_lengths_give_one_program_each_and_one_for_the_whole_context() -> None:
    options = CompileOptions(comp_ctx_lengths_prefill=(64,), comp_ctx_lengths_decode=(32, 128))
    found = [(item.name, item.symbols["comp_ctx_lengths"]) for item in specializations(options)]
    assert found == [("Prefill_0", 64), ("Prefill_1", 128), ("Decode_0", 32), ("Decode_1", 128)]


def test_a_decode_program_that_prefill_is_already_is_not_made_twice() -> None:
    assert [item.name for item in specializations(CompileOptions(prefill_seq_len=1))] == ["Prefill"]
    rows = specializations(CompileOptions(prefill_seq_len=1, full_batch_size=4))
    assert [(item.name, item.symbols["batch_size"]) for item in rows] == [("Prefill", 4), ("Decode", 4)]


def test_custom_io() -> None:
    assert custom_io.render(["past_key.0", "past_value.0"], custom_io.FLOAT16) == CONTRACT_CUSTOM_IO
    assert "Precision: mxint8\n" in custom_io.render(["past_key.0"], custom_io.MXINT8)


def test_partition_config() -> None:
    assert json.loads(partition_config.render(2, 14)) == {
        "connections": [{"devices": [0, 1], "type": "p2p"}],
        "partitions": [
            {"name": "Partition0", "devices": [{"deviceId": 0, "numCores": 14}, {"deviceId": 1, "numCores": 14}]}
        ],
    }


def test_command() -> None:
    plain = compiler_command(SDK_COMPILER, Path("MODEL.onnx"), Path("Q"), CompileOptions())
    assert " ".join(plain) == (
        "/opt/qti-aic/exec/qaic-compile -aic-hw -aic-hw-version=ai100 -m=MODEL.onnx -retained-state -convert-to-fp16 "
        "-aic-num-cores=16 -network-specialization-config=Q/specializations.json "
        "-custom-IO-list-file=Q/custom_io.yaml -aic-binary-dir=Q/qpc"
    )


def test_command_with_everything() -> None:
    options = CompileOptions(
        mxfp6_matmul=True,
        num_devices=4,
        use_onnx_subfunctions=True,
        compiler_options={"mos": 1, "aic_enable_depth_first": True, "stats": False, "aic_hw_version": "ai200"},
    )
    command = " ".join(compiler_command(SDK_COMPILER, Path("MODEL.onnx"), Path("Q"), options))
    assert "-aic-hw -aic-hw-version=ai200 -m=MODEL.onnx" in command
    assert (
        "-aic-num-cores=16 -mxfp6-matmul -mos=1 -aic-enable-depth-first "
        "-mdp-load-partition-config=Q/mdp_ts_4.json -sub-functions -network-specialization-config" in command
    )
    assert "stats" not in command


def test_the_target_of_speculative_decoding() -> None:
    prefill, decode = specializations(CompileOptions(num_speculative_tokens=3))
    assert prefill.symbols == {"batch_size": 1, "ctx_len": 128, "num_logits_to_keep": 1, "seq_len": 32}
    assert decode.symbols == {"batch_size": 1, "ctx_len": 128, "num_logits_to_keep": 4, "seq_len": 4}
    # A prefill chunk as long as a draft gives other logits.
    assert len(specializations(CompileOptions(num_speculative_tokens=3, prefill_seq_len=4))) == 2


def test_a_graph_without_keys_has_no_context() -> None:
    states = (StateShape("conv_state", (8, 4)),)
    found = specializations_for([states], CompileOptions(full_batch_size=4))
    assert [sorted(item.symbols) for item in found] == [
        ["batch_size", "full_batch_exec_size", "full_batch_size", "seq_len"],
        ["batch_size", "full_batch_size", "seq_len"],
    ]
    keys = (KVShape("past_key", 2, 8), KVShape("past_value", 2, 8))
    assert specializations_for([states, (), keys], CompileOptions()) == specializations(CompileOptions())


def test_states_are_not_compressed() -> None:
    text = custom_io.render(["conv_state.0", "past_key.1", "recurrent_state.0"], custom_io.MXINT8)
    lines = [line.split(": ")[1] for line in text.splitlines() if line]
    assert dict(zip(lines[::2], lines[1::2], strict=True)) == {
        "conv_state.0": "float16",
        "conv_state.0_RetainedState": "float16",
        "past_key.1": "mxint8",
        "past_key.1_RetainedState": "mxint8",
        "recurrent_state.0": "float32",
        "recurrent_state.0_RetainedState": "float32",
    }
