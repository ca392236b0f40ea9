"""`specializations.json`: the sizes that the compiler makes a program for, each a set of numbers for the graph's axes.

Names and order are those of QEfficient's `to_named_specializations` (August 2026): Prefill before Decode, values as
strings, and where there are several of one name a number behind it. Programs have names since its pull request 904
(April 2026); compilers released before take the sizes alone, each program an entry of strings (its issue 1129).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from qeff_codegen.deploy.compile_options import CompileOptions, SpecializationsFormat
from qeff_codegen.export.graph_io import CTX_LEN, LayerShapes, has_context, windows_of
from qeff_codegen.export.specialization import Specialization

FILE_NAME = "specializations.json"
PREFILL = "Prefill"
DECODE = "Decode"


def specializations(options: CompileOptions) -> list[Specialization]:
    """The programs of one graph: prefill and decode, one for each compute context length.

    A decode program that would equal the prefill program (`prefill_seq_len` 1 without continuous batching and
    speculation) is not made twice.
    """
    prefill = [_prefill(options, length) for length in _lengths(options.comp_ctx_lengths_prefill, options)]
    decode = [_decode(options, length) for length in _lengths(options.comp_ctx_lengths_decode, options)]
    if not options.continuous_batching:
        known = [item.symbols for item in prefill]
        decode = [item for item in decode if item.symbols not in known]
    return _numbered([*prefill, *decode])


def specializations_for(layers: Sequence[LayerShapes], options: CompileOptions) -> list[Specialization]:
    """The programs of a graph of these layers.

    Where none of them keeps keys of the whole context, no axis counts its slots; those of a window have an axis of
    their own.
    """
    without = set() if has_context(layers) else {CTX_LEN}
    windows = {axis: min(length, options.ctx_len) for axis, length in windows_of(layers).items()}
    return [
        Specialization(
            item.name,
            dict(sorted((name, size) for name, size in (item.symbols | windows).items() if name not in without)),
        )
        for item in specializations(options)
    ]


def render(items: Sequence[Specialization], form: SpecializationsFormat) -> str:
    """The file's text in one of its two forms, one program a line."""
    lines = [json.dumps(_entry(item, form)) for item in items]
    return '{"specializations": [\n  ' + ",\n  ".join(lines) + "]}\n"


def _entry(item: Specialization, form: SpecializationsFormat) -> dict[str, object]:
    symbols: dict[str, object] = {name: str(size) for name, size in item.symbols.items()}
    return symbols if form is SpecializationsFormat.FLAT else {"name": item.name, "symbols": symbols}


def _lengths(asked: tuple[int, ...], options: CompileOptions) -> tuple[int | None, ...]:
    """How much of the context is read; the whole of it too, so that no prompt is left without a program."""
    if not options.compute_context_length:
        return (None,)
    return asked if asked[-1] == options.ctx_len else (*asked, options.ctx_len)


def _prefill(options: CompileOptions, comp_ctx_length: int | None) -> Specialization:
    symbols = {"ctx_len": options.ctx_len, "seq_len": options.prefill_seq_len}
    if options.num_speculative_tokens is not None:
        symbols["num_logits_to_keep"] = 1
    if options.full_batch_size is None:
        symbols["batch_size"] = options.batch_size
    else:
        # Prompts come one by one; a prompt of one token is a decode step, which all rows take together.
        rows = options.full_batch_size if options.prefill_seq_len == 1 else 1
        symbols |= {"batch_size": rows, "full_batch_exec_size": rows, "full_batch_size": options.full_batch_size}
    return _specialization(PREFILL, symbols, comp_ctx_length)


def _decode(options: CompileOptions, comp_ctx_length: int | None) -> Specialization:
    # The row's last token, and its draft.
    tokens = 1 + (options.num_speculative_tokens or 0)
    symbols = {"ctx_len": options.ctx_len, "seq_len": tokens}
    if options.num_speculative_tokens is not None:
        symbols["num_logits_to_keep"] = tokens
    if options.full_batch_size is None:
        symbols["batch_size"] = options.batch_size
    else:
        symbols |= {"batch_size": options.full_batch_size, "full_batch_size": options.full_batch_size}
    return _specialization(DECODE, symbols, comp_ctx_length)


def _specialization(name: str, symbols: dict[str, int], comp_ctx_length: int | None) -> Specialization:
    if comp_ctx_length is not None:
        symbols["comp_ctx_lengths"] = comp_ctx_length
    return Specialization(name, dict(sorted(symbols.items())))


def _numbered(items: list[Specialization]) -> list[Specialization]:
    total = Counter(item.name for item in items)
    seen: Counter[str] = Counter()
    numbered = []
    for item in items:
        name = item.name if total[item.name] == 1 else f"{item.name}_{seen[item.name]}"
        seen[item.name] += 1
        numbered.append(Specialization(name, item.symbols))
    return numbered
