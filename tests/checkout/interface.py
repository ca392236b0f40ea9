"""What a compiler sees of a graph first: names, element types and axes of its inputs and outputs, in their order."""

from __future__ import annotations

from pathlib import Path

import onnx

# The inputs, then the outputs, each a name with what it holds.
Interface = dict[str, list[tuple[str, str]]]


def interface_of(path: Path | str) -> Interface:
    """The interface of an exported graph."""
    graph = onnx.load(path, load_external_data=False).graph
    return {
        "inputs": [_described(each) for each in graph.input],
        "outputs": [_described(each) for each in graph.output],
    }


def differences(mine: Interface, other: Interface) -> dict[str, tuple[str, str]]:
    """What of two interfaces is not the same: for each name what the one has and what the other, or each one's order.

    Args:
        mine: of one graph.
        other: of the other; a name that one of them has not is a difference too.
    """
    found: dict[str, tuple[str, str]] = {}
    for side in ("inputs", "outputs"):
        ours, theirs = (dict(interface[side]) for interface in (mine, other))
        found |= {
            name: (ours.get(name, "none"), theirs.get(name, "none"))
            for name in (*ours, *theirs)
            if ours.get(name) != theirs.get(name)
        }
        common = [[name for name in names if name in ours and name in theirs] for names in (ours, theirs)]
        if common[0] != common[1]:
            found[f"order of {side}"] = ", ".join(common[0]), ", ".join(common[1])
    return found


def listed_differences(page: Path, heading: str, numbers: dict[str, int]) -> dict[tuple[str, str], tuple[str, str]]:
    """What a page of the documentation says is not the same: the table below a heading, each row with its reason.

    Args:
        page: the page.
        heading: the line above the table, without what makes it a heading; the table is the first below.
        numbers: what stands for the words by which the table names sizes; for `NAME` it is that of the tensor.

    Returns:
        For each graph and tensor, by the first two columns, the two columns after them.
    """
    _, below = page.read_text("utf-8").split(f"# {heading}\n")
    table = below[below.index("\n|") + 1 :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for graph, tensors, mine, other, reason in rows[2:]:
        assert reason, f"{page.name} gives no reason for {tensors} of {graph}"
        said = mine.strip("`"), other.strip("`")
        for word, number in numbers.items():
            said = said[0].replace(word, str(number)), said[1].replace(word, str(number))
        for tensor in (each.strip("`") for each in tensors.split(", ")):
            assert (graph, tensor) not in found, f"{page.name} has {tensor} of {graph} twice"
            found[graph, tensor] = said[0].replace("NAME", tensor), said[1].replace("NAME", tensor)
    return found


def _described(value: onnx.ValueInfoProto) -> tuple[str, str]:
    tensor = value.type.tensor_type
    sizes = ", ".join(size.dim_param or str(size.dim_value) for size in tensor.shape.dim)
    return value.name, f"{onnx.TensorProto.DataType.Name(tensor.elem_type).lower()} [{sizes}]"
