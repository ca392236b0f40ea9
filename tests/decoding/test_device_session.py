"""Decoders on a device, or rather on the stand-in for its runtime: what stays there, and what is not taken."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qeff_codegen.decoding import cloud_runtime as runtime
from qeff_codegen.decoding.cloud_runtime import CloudRuntime
from qeff_codegen.decoding.continuous_batching import generate_continuously
from qeff_codegen.decoding.device_session import DeviceDecoderSession
from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.loaded_program import DeviceError, LoadedProgram
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.deploy import custom_io
from qeff_codegen.deploy.compile_options import CompileOptions, SpecializationsFormat
from qeff_codegen.deploy.specializations import render, specializations_for
from qeff_codegen.errors import UsageError
from qeff_codegen.export.export import export_onnx
from qeff_codegen.export.graph_io import ExportSpec, KVShape, LayerShapes, kv_names, retained_state_name
from qeff_codegen.export.kept_layers import layers_kept
from tests.deploy import fake_qaicrt
from tests.runtime.tiny_generated import tiny_generated
from tests.runtime.toy_hybrid import toy_hybrid
from tests.runtime.toy_llama import CTX_LEN, qeff_llama, random_prompts, upstream_llama

SEQ_LEN = 8
# A graph, its program and its layers.
Exported = tuple[Path, Path, Sequence[LayerShapes]]
PLAIN = CompileOptions(SEQ_LEN, CTX_LEN, batch_size=2)
CONTINUOUS = CompileOptions(SEQ_LEN, CTX_LEN, full_batch_size=2)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> CloudRuntime:
    for name, module in fake_qaicrt.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return runtime.cloud_runtime()


def program_of(onnx_path: Path, layers: Sequence[LayerShapes], options: CompileOptions, folder: Path) -> Path:
    """A program's folder as the stand-in for the runtime reads it."""
    entries = json.loads(render(specializations_for(layers, options), SpecializationsFormat.NAMED))["specializations"]
    lines = custom_io.render(kv_names(layers), custom_io.FLOAT16).split()
    precisions = dict(zip(lines[2::5], lines[4::5], strict=True))
    folder.mkdir()
    program = {"onnx": str(onnx_path), "specializations": entries, "precisions": precisions, "devices": 1}
    (folder / "programqpc.bin").write_text(json.dumps(program))
    return folder


def exported_program(model: Any, options: CompileOptions, folder: Path) -> Exported:
    """The graph, the program and the layers of a model."""
    spec = ExportSpec(CTX_LEN, continuous_batching=options.continuous_batching)
    path = export_onnx(model, folder / "model.onnx", spec)
    layers = layers_kept(model, spec)
    return path, program_of(path, layers, options, folder / "qpc"), layers


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported_program(qeff_llama(upstream_llama()), PLAIN, tmp_path_factory.mktemp("llama"))


@pytest.fixture
def loaded(llama: Exported, cloud: CloudRuntime) -> LoadedProgram:
    return LoadedProgram(llama[1], [0], cloud)


def inputs_of(rows: int, seq_len: int) -> dict[str, np.ndarray]:
    tokens = np.zeros((rows, seq_len), np.int64)
    return {"input_ids": tokens, "position_ids": tokens + np.arange(seq_len)}


def test_states_stay_on_the_device(cloud: CloudRuntime, tmp_path: Path) -> None:
    path, folder, layers = exported_program(toy_hybrid(), PLAIN, tmp_path)
    session = DeviceDecoderSession(LoadedProgram(folder, [0], cloud), layers, 2)
    prompts = random_prompts(13, 5)
    found = generate(session.run, prompts, prefill_seq_len=SEQ_LEN, ctx_len=CTX_LEN)
    on_host = generate(OrtDecoderSession(path, 2, CTX_LEN).run, prompts, prefill_seq_len=SEQ_LEN, ctx_len=CTX_LEN)
    assert found.tokens == on_host.tokens
    (program,) = fake_qaicrt.Program.made[-1:]
    assert {name: str(kept.dtype) for name, kept in program.kept.items() if "state" in name} == {
        name: "float32" if name.startswith("recurrent") else "float16" for name in program.kept if "state" in name
    }
    assert any(name.startswith("recurrent_state.") for name in program.kept)
    with pytest.raises(UsageError, match="begins at position 3, and row 0 of the cache has"):
        session.run(np.zeros((2, 1), np.int64), np.full((2, 1), 3))


def test_windows_stay_on_the_device(cloud: CloudRuntime, tmp_path: Path) -> None:
    path, folder, layers = exported_program(tiny_generated("mistral", "window"), PLAIN, tmp_path)
    session = DeviceDecoderSession(LoadedProgram(folder, [0], cloud), layers, 2)
    assert session._program.sizes_of("past_key.0") == [(2, 2, 6, 32)] * 2, "slots of the window"
    prompts = random_prompts(13, 5)
    found = generate(session.run, prompts, prefill_seq_len=SEQ_LEN, ctx_len=CTX_LEN)
    on_host = generate(OrtDecoderSession(path, 2, CTX_LEN).run, prompts, prefill_seq_len=SEQ_LEN, ctx_len=CTX_LEN)
    assert found.tokens == on_host.tokens
    with pytest.raises(UsageError, match="begins at position 3, and row 0 of the cache has .*keeps windows"):
        session.run(np.zeros((2, 1), np.int64), np.full((2, 1), 3))


def test_rows_are_taken_again(cloud: CloudRuntime, tmp_path: Path) -> None:
    path, folder, layers = exported_program(toy_hybrid(), CONTINUOUS, tmp_path)
    settings: dict[str, Any] = {"full_batch_size": 2, "prefill_seq_len": SEQ_LEN, "ctx_len": CTX_LEN}
    prompts, new_tokens = random_prompts(3, 13, 9, 1, 17), [4, 2, 6, 3, 5]
    session = DeviceDecoderSession(LoadedProgram(folder, [0], cloud), layers, 2)
    found = generate_continuously(session.run, prompts, max_new_tokens=new_tokens, **settings)
    host = OrtDecoderSession(path, 2, CTX_LEN)
    assert found.tokens == generate_continuously(host.run, prompts, max_new_tokens=new_tokens, **settings).tokens


def test_a_text_begins_anew_over_what_is_still_there(loaded: LoadedProgram, llama: Exported) -> None:
    session = DeviceDecoderSession(loaded, llama[2], 2)
    prompts = random_prompts(13, 5)
    settings: dict[str, Any] = {"prefill_seq_len": SEQ_LEN, "ctx_len": CTX_LEN}
    first = generate(session.run, prompts, **settings)
    generate(session.run, random_prompts(24, 20), **settings)
    session.reset()
    assert generate(session.run, prompts, **settings).tokens == first.tokens


def test_only_what_is_not_retained_is_in_a_buffer(loaded: LoadedProgram) -> None:
    outputs = loaded.run(inputs_of(2, SEQ_LEN))
    assert {name: array.shape for name, array in outputs.items()} == {"logits": (2, 1, 101)}
    assert [name for name in loaded.input_names if retained_state_name(name) in loaded.output_names]


def test_sizes_that_nothing_was_compiled_for(loaded: LoadedProgram) -> None:
    with pytest.raises(UsageError) as error:
        loaded.run(inputs_of(2, 3))
    assert str(error.value) == (
        "no program was compiled for a call of input_ids [2, 3], position_ids [2, 3]. There are those for:\n"
        "  input_ids [2, 8], position_ids [2, 8]\n"
        "  input_ids [2, 1], position_ids [2, 1]\n"
        "Compile one for these sizes."
    )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"position_ids": np.zeros((2, 1), np.int64)}, "missing or not among them: input_ids. Compile one for these"),
        (inputs_of(2, 1) | {"batch_index": np.zeros((2, 1))}, "not among them: batch_index"),
        (
            inputs_of(2, 1) | {"input_ids": np.zeros((2, 1), np.int32)},
            "input_ids is int32, and the program takes int64",
        ),
    ],
)
def test_inputs_that_a_program_does_not_take(
    loaded: LoadedProgram, inputs: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        loaded.run(inputs)


def test_a_program_of_another_graph(loaded: LoadedProgram) -> None:
    other = [(KVShape("past_key", 2, 16), KVShape("past_value", 2, 16))] * 3
    with pytest.raises(
        UsageError, match=r"has no past_key.2, past_value.2, past_key.2_RetainedState, .*another graph"
    ):
        DeviceDecoderSession(loaded, other, 2)


@pytest.mark.parametrize(
    ("step", "what"),
    [("setData", "take its buffers"), ("started", "be called"), ("waitForCompletion", "finish a call")],
)
def test_a_call_that_fails(loaded: LoadedProgram, step: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_qaicrt.ExecObj, step, lambda *_arguments: 1)
    with pytest.raises(DeviceError, match=f"on device 0 could not {what}: the runtime gives 1"):
        loaded.run(inputs_of(2, 1))


def test_a_type_that_is_not_read(llama: Exported, cloud: CloudRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fake_qaicrt.NUMBERS, "INT64_I_TYPE", 99)
    with pytest.raises(UsageError, match="tensors of a type that is not read here: input_ids, position_ids"):
        LoadedProgram(llama[1], [0], cloud)


def test_older_runtimes_call_the_timeout_otherwise(
    llama: Exported, cloud: CloudRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    class Older:
        SubmitRetryTimeoutMs, devMapping = 0, ""

        def __init__(self) -> None:
            made.append(self)

        @property
        def dataPathTimeoutMs(self) -> int:
            if self.SubmitRetryTimeoutMs:
                return self.SubmitRetryTimeoutMs
            raise AttributeError

    monkeypatch.setattr(cloud.qaicrt, "QAicProgramProperties", Older)
    assert LoadedProgram(llama[1], [0], cloud).run(inputs_of(2, 1))
    assert [properties.SubmitRetryTimeoutMs for properties in made] == [60_000]


def test_a_module_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qaicrt", fake_qaicrt.modules()["qaicrt"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(
        UsageError, match=r"(?s)needs the module `QAicApi_pb2` .* on Python's path and in /opt/qti-aic/dev"
    ):
        runtime.cloud_runtime()


def test_a_module_that_another_protobuf_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(name: str) -> Any:
        if name == "qaicrt":
            return fake_qaicrt.modules()["qaicrt"]
        raise TypeError("Descriptors cannot be created directly.")

    monkeypatch.setattr(runtime.importlib, "import_module", imported)
    with pytest.raises(UsageError, match=r"(?s)`QAicApi_pb2` .* import: TypeError: Descriptors cannot be created"):
        runtime.cloud_runtime()
