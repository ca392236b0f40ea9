"""Writes docs/operators.md from the table of proved translations: `python -m tests.export.proved.page`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from qeff_codegen.export.proved_operators.calls import base_name
from qeff_codegen.export.proved_operators.table import TORCH_EXPORT, TORCHSCRIPT, Forms, operators
from tests.export.proved.table import FILES, REFUSED, WRONG, read
from tests.imports import ROOT

PAGE = ROOT / "docs" / "operators.md"
_INTRODUCTION = """\
# Operators

Written from the proofs by `python -m tests.export.proved.page`; do not edit by hand.

An exporter may translate an operator of PyTorch to a graph that gives other numbers, and says nothing. So an exported
model may hold no operator, in no form, that was not proved: a test exported it at one size, ran it on ONNX Runtime at
other sizes, and got what PyTorch gives. The values are negative, zero of both signs, ties, halves, large and
infinite; the sizes are others than the traced ones, 1, and 0 where ONNX Runtime takes it. Floats may differ by
rounding. What a number that is none (NaN) becomes is only proved where an operator is about it, and so is the order
of what is equal where PyTorch leaves it open (`topk`, `sort` that is not stable).

What is not in the table is refused before a graph is written, with the module and the line that it comes from, and
exit code 3:

```
refused by export: the translation of `aten::any` in decoder.model.layers.0.mlp to ONNX was not proved for ...
  at       generated/plum/modeling_plum.py:84
```

Three things help: to compute the same with operators that stand here, the other exporter (`--dynamo`), or a proof. A
proof is a line in a file of `tests/export/proved`, an expression and its inputs; `python -m
tests.export.proved.table` runs all and writes the table, `qeff_codegen/export/proved_operators/proved.json`. A form
is told apart by what a translation may look at: the types of tensors, and whether they are numbers (`float32 number`)
or have no axes (`float32[]`); of the other arguments sign and kind, with `size` for what comes from a shape. For
torch.export (`--dynamo`) what traces of the supported causal LMs hold is proved, in their base configuration and in
the variants that validation runs, in float32. What else a model holds, and float16, is refused there; of the families
`gemma3n_text`, whose `erfinv` PyTorch does not translate, and `aria_text`, which torch.export cannot trace.

Where the TorchScript exporter's own translation is wrong, ours takes its place: `qeff_codegen/export/translations`,
one idea a file, and a test that each is needed. A tensor that is changed in place and read under another name (`seen
elsewhere`) is always refused there.
"""


def page() -> str:
    """The page's text."""
    by_name: dict[str, dict[str, list[Forms]]] = defaultdict(lambda: defaultdict(list))
    for exporter in (TORCHSCRIPT, TORCH_EXPORT):
        for operator, forms in operators(exporter).items():
            by_name[base_name(operator)][exporter].append(forms)
    rows = [_row(name, forms) for name, forms in sorted(by_name.items(), key=lambda item: item[0].strip("_"))]
    table = ["| operator | types | arguments beside the defaults | torch.export |", "|---|---|---|---|", *rows]
    return "\n".join([_INTRODUCTION, "## Proved\n", *table, "", "## Other numbers\n", *_wrong()])


def _row(name: str, forms: dict[str, list[Forms]]) -> str:
    found = forms.get(TORCHSCRIPT) or forms[TORCH_EXPORT]
    types = {
        word for each in found for line in each[0] for word in re.findall(r"\b(?:bool|u?int\d+|float\d+)\b", line)
    }
    arguments: dict[str, set[str]] = defaultdict(set)
    for each in found:
        for line in each[1]:
            for argument, form in re.findall(r"(\w+)=(\[[^\]]*\]|[^,]+)", line):
                arguments[argument].add(form)
    told = "; ".join(f"`{argument}`: {_listed(forms)}" for argument, forms in sorted(arguments.items()))
    where = "too" if TORCHSCRIPT in forms and TORCH_EXPORT in forms else "only" if TORCH_EXPORT in forms else ""
    return f"| `{name}` | {', '.join(sorted(types))} | {told} | {where} |"


def _listed(forms: Iterable[str]) -> str:
    return ", ".join(f"`{form}`" for form in sorted(forms)).replace("|", "\\|")


def _wrong() -> list[str]:
    lines = [
        "What the exporters still translate to other numbers, as the proofs saw it; each of these is refused.\n",
        "| exporter | PyTorch |",
        "|---|---|",
    ]
    for exporter, files in read(REFUSED).items():
        seen = {
            expression
            for file in FILES
            for expressions in files.get(file, {}).values()
            for expression, how in expressions.items()
            if how == WRONG
        }
        lines += [f"| {exporter} | `{expression}` |".replace("||", "\\|\\|") for expression in sorted(seen)]
    return [*lines, ""]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
