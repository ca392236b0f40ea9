"""What a user asks of a compilation, with QEfficient's names, and which combinations make no sense."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from qeff_codegen.errors import UsageError

# An option of qaic-compile that nobody but its user knows: `mos=1` becomes `-mos=1`.
CompilerValue = str | int | float | bool


class SpecializationsFormat(StrEnum):
    """How `specializations.json` lists the programs: each with a name, or the sizes alone, for older compilers."""

    NAMED = "named"
    FLAT = "flat"


@dataclass(frozen=True)
class CompileOptions:
    """The sizes a program is compiled for, and how.

    The names are those of `QEFFAutoModelForCausalLM.compile` in QEfficient.

    Attributes:
        prefill_seq_len: tokens of one prefill chunk.
        ctx_len: slots of the KV cache, for the prompt and what is generated.
        batch_size: prompts that start and end together; 1 with continuous batching.
        full_batch_size: rows of the KV cache for continuous batching; None without it.
        comp_ctx_lengths_prefill: how much of the context attention may read in prefill, one program for each.
        comp_ctx_lengths_decode: the same for decode.
        num_speculative_tokens: tokens of a draft that one decode call checks, for the target model of speculative
            decoding; None without it.
        num_devices: cards the program is split over.
        num_cores: cores of each card.
        mxfp6_matmul: compress the weights of matrix products to MXFP6.
        mxint8_kv_cache: compress the KV cache to MXINT8.
        use_onnx_subfunctions: each decoder-layer class is one ONNX function, which is compiled once.
        dynamo: the graph is exported with torch.export, not TorchScript.
        specializations_format: the form of `specializations.json`; None for the one that the compiler takes, or the
            newer one where there is no compiler.
        full_caches: layers with a window keep the whole context too.
        compiler_options: further options of qaic-compile, in snake case.

    Raises:
        UsageError: a size is not positive, or two options contradict each other; the message names them.
    """

    prefill_seq_len: int = 32
    ctx_len: int = 128
    batch_size: int = 1
    full_batch_size: int | None = None
    comp_ctx_lengths_prefill: tuple[int, ...] = ()
    comp_ctx_lengths_decode: tuple[int, ...] = ()
    num_speculative_tokens: int | None = None
    num_devices: int = 1
    num_cores: int = 16
    mxfp6_matmul: bool = False
    mxint8_kv_cache: bool = False
    use_onnx_subfunctions: bool = False
    dynamo: bool = False
    specializations_format: SpecializationsFormat | None = None
    full_caches: bool = False
    compiler_options: Mapping[str, CompilerValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_context_lengths()
        self._check_speculation()
        self._check_compiler_options()

    @property
    def continuous_batching(self) -> bool:
        """Whether rows of the cache are given to prompts one by one."""
        return self.full_batch_size is not None

    @property
    def compute_context_length(self) -> bool:
        """Whether attention reads less than the whole context where less is in use."""
        return bool(self.comp_ctx_lengths_prefill or self.comp_ctx_lengths_decode)

    def for_rows(self, rows: int) -> CompileOptions:
        """The same for prompts in so many rows of the cache, which start together unless batching is continuous."""
        return self if self.continuous_batching else replace(self, batch_size=rows)

    def _check_sizes(self) -> None:
        sizes = (
            "prefill_seq_len",
            "ctx_len",
            "batch_size",
            "full_batch_size",
            "num_speculative_tokens",
            "num_devices",
            "num_cores",
        )
        for name in sizes:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}: it must be 1 or more.")
        if self.ctx_len < self.prefill_seq_len:
            raise UsageError(
                f"ctx_len is {self.ctx_len} and prefill_seq_len {self.prefill_seq_len}: a prefill chunk must fit into "
                "the context. Raise ctx_len or lower prefill_seq_len."
            )
        if self.full_batch_size is not None and self.batch_size != 1:
            raise UsageError(
                f"batch_size is {self.batch_size} and full_batch_size {self.full_batch_size}: with continuous "
                "batching prompts are prefilled one at a time, and full_batch_size rows decode together. Give one of "
                "them."
            )

    def _check_context_lengths(self) -> None:
        for name in ("comp_ctx_lengths_prefill", "comp_ctx_lengths_decode"):
            lengths = getattr(self, name)
            for length in lengths:
                if not 1 <= length <= self.ctx_len:
                    raise UsageError(
                        f"{name} has {length} in it: how much of the context attention reads is between 1 and "
                        f"ctx_len, {self.ctx_len}."
                    )
            if list(lengths) != sorted(set(lengths)):
                raise UsageError(
                    f"{name} is {', '.join(map(str, lengths))}: give each length once, the shortest first."
                )
        if bool(self.comp_ctx_lengths_prefill) != bool(self.comp_ctx_lengths_decode):
            given, missing = ("prefill", "decode") if self.comp_ctx_lengths_prefill else ("decode", "prefill")
            raise UsageError(
                f"comp_ctx_lengths_{given} is given and comp_ctx_lengths_{missing} is not: one graph serves both, so "
                "both need a list. Give the second too; ctx_len alone is a list."
            )

    def _check_speculation(self) -> None:
        drafted = self.num_speculative_tokens
        if drafted is None:
            return
        if self.prefill_seq_len < drafted + 1:
            raise UsageError(
                f"num_speculative_tokens is {drafted} and prefill_seq_len {self.prefill_seq_len}: a draft with the "
                f"token before it has {drafted + 1} tokens, and no call takes more than prefill. Raise the latter."
            )
        if self.compute_context_length:
            raise UsageError(
                "num_speculative_tokens and comp_ctx_lengths are given together, and a program has one or the other. "
                "Give one of them."
            )

    def _check_compiler_options(self) -> None:
        for name in self.compiler_options:
            if not name.isidentifier() or name != name.lower():
                raise UsageError(
                    f"`{name}` is no option of qaic-compile in snake case, such as mos or aic_hw_version."
                )
            if name in RESERVED:
                raise UsageError(f"{name} is written by this command itself: {RESERVED[name]}.")
            own = difflib.get_close_matches(name, [item.name for item in fields(self)], n=1, cutoff=0.85)
            if own:
                raise UsageError(
                    f"`{name}` is no option of qaic-compile. Did you mean {own[0]}, which is one of ours?"
                )


# What the command writes by itself, and the option that decides it.
RESERVED = {
    "m": "the ONNX file is the one it exports",
    "retained_state": "a decoder always retains its KV cache",
    "convert_to_fp16": "the device computes in float16",
    "aic_num_cores": "give num_cores",
    "mxfp6": "give mxfp6_matmul",
    "mxfp6_matmul": "give mxfp6_matmul",
    "sub_functions": "give use_onnx_subfunctions, which also makes the functions",
    "network_specialization_config": "it follows from the sizes",
    "custom_io_list_file": "it follows from the KV cache",
    "aic_binary_dir": "the program stands beside its inputs",
    "mdp_load_partition_config": "give num_devices",
}
