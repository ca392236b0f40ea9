#!/usr/bin/env python3
"""Stands in for qaic-compile in tests. It compiles nothing: it checks the command and every file it names, strictly,
and notes them for the stand-in for the runtime.

What it accepts is what docs/compiling.md promises, and nothing else: flags in their order, files where the flags say,
specializations that give a number to every axis of the graph, a precision for every cache tensor. On anything else it
exits with 1 and says what. It is not the compiler; a command that it accepts may still fail on hardware.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import onnx

ORDER = [
    r"-aic-hw",
    r"-aic-hw-version=ai[12]00",
    r"-m=(?P<model>.+\.onnx)",
    r"(?P<retained>-retained-state)?",
    r"-convert-to-fp16",
    r"-aic-num-cores=(?P<cores>\d+)",
    r"(-mxfp6-matmul)?",
    r"(-mos=\d+)?",
    r"(-aic-enable-depth-first)?",
    r"(-mdp-load-partition-config=(?P<mdp>.+/mdp_ts_(?P<devices>\d+)\.json))?",
    r"(?P<functions>-sub-functions)?",
    r"(-network-specialization-config=(?P<specializations>.+/specializations\.json))?",
    r"-custom-IO-list-file=(?P<custom_io>.+/custom_io\.yaml)",
    r"-aic-binary-dir=(?P<binary>.+)",
]
SUFFIX = "_RetainedState"
SAMPLER = {"last_accepted_output_tokens", "temperatures", "top_ks", "top_ps", "min_ps", "random_numbers"}
SAMPLER |= {"repetition_penalties", "presence_penalties"}
SEEN = ("repetition", "presence")
# What of images a decoder hands on to the next call.
IMAGES = ("vision_embeds", "deepstack_features", "pixel_values")
WINDOWS = ("sliding_window", "chunk_ctx_len")
CACHE_NAMES = ("past_key.", "past_value.", "compressed_kv.", "k_pe.")


def fail(what: str) -> None:
    print(f"fake qaic-compile: {what}", file=sys.stderr)
    sys.exit(1)


def parse(arguments: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = list(arguments)
    for pattern in ORDER:
        match = re.fullmatch(pattern, rest[0]) if rest else None
        if match:
            found |= {name: value for name, value in match.groupdict().items() if value is not None}
            rest.pop(0)
        elif not re.fullmatch(pattern, ""):
            fail(f"expected {pattern} and found {rest[0] if rest else 'nothing'}")
    if rest:
        fail(f"unknown or out of place: {' '.join(rest)}")
    return found


def check_specializations(path: Path, axes: set[str], rows: str) -> None:
    document = json.loads(path.read_text())
    if set(document) != {"specializations"} or not document["specializations"]:
        fail("specializations.json holds something else than specializations")
    names = [entry["name"] for entry in document["specializations"]]
    if len(set(names)) != len(names):
        fail(f"two specializations have one name: {names}")
    for entry in document["specializations"]:
        symbols = entry["symbols"]
        if not all(isinstance(value, str) and value.isdecimal() and int(value) > 0 for value in symbols.values()):
            fail(f"{entry['name']}: values are no positive numbers as strings: {symbols}")
        missing = axes - set(symbols)
        extra = set(symbols) - axes - {"full_batch_exec_size"}
        if missing or extra:
            fail(f"{entry['name']}: axes without a number {sorted(missing)}, numbers without an axis {sorted(extra)}")
        if not rows:
            continue
        # A cache of windows alone has no axis of the context.
        ctx_len = int(symbols.get("ctx_len", symbols["seq_len"]))
        windows = [int(symbols[axis]) for axis in WINDOWS if axis in symbols and "ctx_len" in symbols]
        is_too_long = int(symbols["seq_len"]) > ctx_len or any(window >= ctx_len for window in windows)
        if is_too_long or int(symbols["batch_size"]) > int(symbols[rows]):
            fail(f"{entry['name']}: sizes contradict each other: {symbols}")


def check_custom_io(path: Path, graph: onnx.GraphProto) -> None:
    cache = [item.name for item in graph.input if item.name.startswith((*CACHE_NAMES, *IMAGES))]
    expected = [name for item in cache for name in (item, item + SUFFIX)]
    blocks = re.findall(r" - IOName: (\S+)\n   Precision: (float16|mxint8)\n\n", path.read_text())
    if "".join(f" - IOName: {name}\n   Precision: {kind}\n\n" for name, kind in blocks) != path.read_text():
        fail("custom_io.yaml has other lines than names and precisions")
    kinds = {kind for name, kind in blocks if not name.startswith(IMAGES)}
    of_images = {kind for name, kind in blocks if name.startswith(IMAGES)}
    if [name for name, _ in blocks] != expected or len(kinds) != 1 or of_images - {"float16"}:
        fail(f"custom_io.yaml names {[name for name, _ in blocks]}, and the graph's cache is {expected}")
    if not {item.name for item in graph.output} >= {item + SUFFIX for item in cache}:
        fail("a cache input has no retained output")


def check_vision(path: Path, graph: onnx.GraphProto, flags: dict[str, str]) -> None:
    """A program for images retains nothing, and its tensors are float16 on the device."""
    names = [item.name for item in (*graph.input, *graph.output)]
    if names not in (["pixel_values", "vision_embeds"], ["pixel_values", "vision_embeds", "deepstack_features"]):
        fail(f"a program for images takes and gives {names}")
    if "retained" in flags:
        fail("a program for images retains nothing")
    if path.read_text() != "".join(f" - IOName: {name}\n   Precision: float16\n\n" for name in names):
        fail("custom_io.yaml of a program for images names other tensors than its own, or other precisions")


def check_results(graph: onnx.GraphProto) -> None:
    """A graph gives logits, or takes all that a sampler reads, gives tokens and retains what it has seen."""
    inputs, outputs = ({item.name for item in items} for items in (graph.input, graph.output))
    if ("logits" in outputs) == ("next_tokens" in outputs):
        fail(f"the graph gives {sorted(outputs)}, neither logits nor next_tokens or both")
    if "next_tokens" in outputs:
        missing = {*SAMPLER, *(f"past_{name}_penalty_buffer" for name in SEEN)} - inputs
        retained = {f"past_{name}_penalty_buffer{SUFFIX}" for name in SEEN} - outputs
        if missing or retained:
            fail(f"a sampler lacks the inputs {sorted(missing)} and the outputs {sorted(retained)}")
    elif inputs & SAMPLER:
        fail("the graph takes what a sampler reads, and has none")


def check_functions(model: onnx.ModelProto, asked: bool) -> None:
    """`-sub-functions` is for functions beside those of the compiler's own operators, each of them called."""
    called = {(node.domain, node.op_type) for node in model.graph.node}
    own = ("com.qualcomm.", "com.qti.")
    layers = [item for item in model.functions if not item.domain.startswith(own)]
    if asked != bool(layers):
        fail(f"-sub-functions is {'given' if asked else 'not given'}, and the graph has {len(layers)} such functions")
    if any((item.domain, item.name) not in called for item in layers):
        fail("a function is not called")


def check_partition(path: Path, devices: int, cores: int) -> None:
    config = json.loads(path.read_text())
    (partition,) = config["partitions"]
    if [item["deviceId"] for item in partition["devices"]] != list(range(devices)):
        fail("the partition is not over all devices")
    if any(item["numCores"] != cores for item in partition["devices"]) or devices < 2:
        fail("the partition has other cores than the command")
    if config["connections"] != [{"devices": list(range(devices)), "type": "p2p"}]:
        fail("the devices are not connected")


def main() -> None:
    found = parse(sys.argv[1:])
    model = onnx.load(found["model"])
    onnx.checker.check_model(model, full_check=False)
    check_functions(model, "functions" in found)
    is_vision = model.graph.output[0].name == "vision_embeds"
    if not is_vision:
        check_results(model.graph)
    axes = {
        dim.dim_param
        for item in model.graph.input
        for dim in item.type.tensor_type.shape.dim
        if not dim.HasField("dim_value")
    }
    rows = "full_batch_size" if "full_batch_size" in axes else "batch_size"
    if bool(axes) != ("specializations" in found):
        fail(f"specializations are given for the axes that a graph has, and it has {sorted(axes)}")
    if axes:
        check_specializations(Path(found["specializations"]), axes, "" if is_vision else rows)
    if is_vision:
        check_vision(Path(found["custom_io"]), model.graph, found)
    else:
        check_custom_io(Path(found["custom_io"]), model.graph)
        if "retained" not in found:
            fail("a decoder's cache is retained")
    if "mdp" in found:
        check_partition(Path(found["mdp"]), int(found["devices"]), int(found["cores"]))
    binary = Path(found["binary"])
    if binary.exists():
        fail(f"{binary} is there already")
    binary.mkdir()
    # Where every size is fixed, there is one program, which needs no numbers.
    sizes = [{"name": "", "symbols": {}}]
    if "specializations" in found:
        sizes = json.loads(Path(found["specializations"]).read_text())["specializations"]
    # What the stand-in for the runtime reads.
    program = {
        "onnx": found["model"],
        "specializations": sizes,
        "precisions": dict(re.findall(r"IOName: (\S+)\n   Precision: (\S+)", Path(found["custom_io"]).read_text())),
        "devices": int(found.get("devices", 1)),
    }
    (binary / "programqpc.bin").write_text(json.dumps(program))


if __name__ == "__main__":
    main()
