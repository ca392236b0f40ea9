"""`QEFFAutoModelForCausalLM`: from a checkpoint to a graph, a program and text, with QEfficient's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from qeff_codegen.checked_in.generated_code import code_sha256, load_transforms
from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.decoding.cloud_runtime import cloud_runtime
from qeff_codegen.decoding.device_session import DeviceDecoderSession
from qeff_codegen.decoding.host_session import HostDecoderSession, open_decoder
from qeff_codegen.decoding.sampled_decoding import SampledDecoding
from qeff_codegen.decoding.sampling_parameters import SamplingParameters
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.decoding.torch_decoder import TorchDecoder
from qeff_codegen.deploy.checkpoint import Checkpoint, load_checkpoint
from qeff_codegen.deploy.compile_options import CompileOptions, CompilerValue
from qeff_codegen.deploy.find_compiler import find_compiler
from qeff_codegen.deploy.inference import Inference, tokens_of
from qeff_codegen.deploy.kept_exports import exports_in
from qeff_codegen.deploy.named_model import names_a_family
from qeff_codegen.deploy.on_device import check_on_device, loaded
from qeff_codegen.deploy.program import Program, cache_precision, decoder_to_compile, make_program
from qeff_codegen.deploy.remote_checkpoint import remote_checkpoint
from qeff_codegen.deploy.sampler_options import check_qaic_config, check_sampling, sampler_spec
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.deploy.steps import LookedAt, Steps, making
from qeff_codegen.deploy.tiny_checkpoint import tiny_checkpoint
from qeff_codegen.deploy.weights_on_disk import weights_on_disk
from qeff_codegen.errors import UsageError
from qeff_codegen.export.deferred_tensors import make_all
from qeff_codegen.export.exported_graph import ExportedGraph, exported_graph
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kept_layers import layers_kept
from qeff_codegen.export.kv_cache import kv_cache_shapes
from qeff_codegen.export.precision import convert, precision
from qeff_codegen.export.recipes import NotDeferredError
from qeff_codegen.export.with_states import check_call_length, check_drafts
from qeff_codegen.preflight.candidate import candidate_of
from qeff_codegen.preflight.run import Preflight, preflight
from qeff_codegen.preflight.sample_prompt import sample_prompt
from qeff_codegen.remote_code.given import Remote
from qeff_codegen.runtime.key_blocks import ask_for_key_blocks, check_key_blocks
from qeff_codegen.runtime.states import LONGEST_CALL

Made = TypeVar("Made")


class QEFFAutoModelForCausalLM:
    """A causal LM whose modules are generated QEff classes.

    Attributes:
        tokenizer: its tokenizer, or None where the checkpoint has none.
        continuous_batching: whether its graph takes `batch_index`.
        sampler: how its graph draws the next tokens; None where it gives logits.
        random_weights: whether it is a family's tiny model, which says nothing.
        remarks: what of its configuration was read otherwise than it is written.
        steps: what was done with it, how long that took, and what was seen of its graphs.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        generated: Path,
        *,
        continuous_batching: bool,
        dtype: torch.dtype,
        num_kv_blocks: int,
        qaic_config: Mapping[str, Any],
    ) -> None:
        model_type = checkpoint.family or checkpoint.model.config.model_type
        self.sampler = sampler_spec(qaic_config, checkpoint.model.config.get_text_config().vocab_size)
        transforms = load_transforms(model_type, generated)
        ask_for_key_blocks(checkpoint.model, num_kv_blocks)
        self._model = convert(transforms.apply(checkpoint.model), dtype)
        check_key_blocks(self._model, num_kv_blocks)
        self.tokenizer = checkpoint.tokenizer
        self.random_weights = checkpoint.random_weights
        self.remarks = checkpoint.remarks
        self.steps = Steps()
        self._no_tokenizer = checkpoint.no_tokenizer
        self.continuous_batching = continuous_batching
        self._name = checkpoint.name
        self._made_from = {
            "checkpoint": checkpoint.sha256,
            "generated": code_sha256(model_type, generated),
            "dtype": str(dtype),
        }
        self._pytorch_transforms = transforms.names
        # Only of a model whose weights are left in their files.
        self._load: Callable[[], QEFFAutoModelForCausalLM] | None = None

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str,
        continuous_batching: bool = False,
        *,
        dtype: str | torch.dtype = torch.float32,
        num_kv_blocks: int = 1,
        qaic_config: Mapping[str, Any] | None = None,
        generated: Path = INSTALLED,
        remote: Remote | None = None,
    ) -> QEFFAutoModelForCausalLM:
        """Load a checkpoint and turn it into its QEff model.

        Args:
            pretrained_model_name_or_path: a model's folder, a GGUF file, `smollm2`, or the name of a generated family,
                whose tiny model with random weights is taken.
            continuous_batching: its graph takes `batch_index`.
            dtype: what weights, cache and arithmetic are in: float32, or float16 for a graph of half the size.
            num_kv_blocks: over how many blocks of keys attention is computed: more need less memory in a long context.
            qaic_config: `include_sampler`: the graph draws the next token itself and gives `next_tokens` for logits;
                `return_pdfs`: and `probs`, what it was drawn from; `max_top_k_ids`: from how many tokens at most.
            generated: the folder with the generated classes.
            remote: where the model's own code stands, if it is not transformers' own; the first argument is then the
                name that it was generated under.

        Raises:
            UsageError: there is no such checkpoint, its family is not generated or has no attention over blocks, or
                `dtype` or something in `qaic_config` is another one.
        """
        wanted = precision(dtype)
        check_qaic_config(qaic_config or {})
        source = pretrained_model_name_or_path

        def load() -> QEFFAutoModelForCausalLM:
            if remote is not None:
                checkpoint = remote_checkpoint(source, remote, generated)
            else:
                checkpoint = tiny_checkpoint(source) if names_a_family(source, generated) else load_checkpoint(source)
            return cls(
                checkpoint,
                generated,
                continuous_batching=continuous_batching,
                dtype=wanted,
                num_kv_blocks=num_kv_blocks,
                qaic_config=qaic_config or {},
            )

        with weights_on_disk() as deferral:
            try:
                deferred = load()
            except Exception:
                if not deferral.has_failed:
                    raise
            else:
                deferred._load = load
                return deferred
        return load()

    @property
    def model(self) -> Any:
        """The QEff model, with its weights; they are read when it is first asked for.

        Raises:
            UsageError: the checkpoint changed since the model was loaded.
        """
        try:
            make_all(self._model)
        except NotDeferredError:
            self._load_all()
        return self._model

    def _load_all(self) -> None:
        """Loads the model again with all its weights, where some cannot be made later."""
        assert self._load is not None, "nothing is made later of a model that was loaded with its weights"
        again = self._load()
        if again._made_from != self._made_from:
            raise UsageError(f"the files of {self._name} changed since it was loaded. Load it again.")
        self._model = again._model

    def _with_weights_where_needed(self, made_of: Callable[[Any], Made]) -> Made:
        """What `made_of` makes of the QEff model; where it cannot without the weights, they are read for it."""
        try:
            return made_of(self._model)
        except NotDeferredError:
            return made_of(self.model)

    def export(self, export_dir: Path | None = None, *, ctx_len: int = 128, **spec: Any) -> ExportedGraph:
        """The ONNX graph, exported now or before.

        Args:
            export_dir: where graphs are kept; the cache folder unless given.
            ctx_len: the longest context the graph is meant for, in tokens.
            spec: further fields of `ExportSpec`.

        Raises:
            UsageError: the model knows fewer positions than `ctx_len`, the folder cannot be written, or the checkpoint
                changed since the model was loaded.
        """
        own = ExportSpec(ctx_len, continuous_batching=self.continuous_batching, sampler=self.sampler)
        wanted = replace(own, **spec)
        store = exports_in(export_dir)
        with self.steps.time("exporting"):
            return self._with_weights_where_needed(
                lambda model: exported_graph(
                    self._name,
                    model,
                    wanted,
                    store,
                    made_from=self._made_from,
                    pytorch_transforms=self._pytorch_transforms,
                )
            )

    def compile(
        self,
        compile_dir: Path | None = None,
        *,
        prefill_seq_len: int = 32,
        ctx_len: int = 128,
        comp_ctx_lengths_prefill: tuple[int, ...] = (),
        comp_ctx_lengths_decode: tuple[int, ...] = (),
        batch_size: int = 1,
        full_batch_size: int | None = None,
        num_speculative_tokens: int | None = None,
        num_devices: int = 1,
        num_cores: int = 16,
        mxfp6_matmul: bool = False,
        mxint8_kv_cache: bool = False,
        use_onnx_subfunctions: bool = False,
        dynamo: bool = False,
        full_caches: bool = False,
        **compiler_options: CompilerValue,
    ) -> Program:
        """Export, write what the compiler reads, and compile where there is a compiler.

        Args:
            compile_dir: where graphs and programs are kept; the cache folder unless given.
            compiler_options: further options of qaic-compile: `mos=1` becomes `-mos=1`, `True` a bare flag.

        The others are those of `CompileOptions`.

        Raises:
            UsageError: an option is wrong or contradicts another, or a folder cannot be written.
            PreflightFailed: the graph is not as the compiler needs it.
            CompilerError: the compiler failed.
        """
        options = CompileOptions(
            prefill_seq_len=prefill_seq_len,
            ctx_len=ctx_len,
            batch_size=batch_size,
            full_batch_size=full_batch_size,
            comp_ctx_lengths_prefill=tuple(comp_ctx_lengths_prefill),
            comp_ctx_lengths_decode=tuple(comp_ctx_lengths_decode),
            num_speculative_tokens=num_speculative_tokens,
            num_devices=num_devices,
            num_cores=num_cores,
            mxfp6_matmul=mxfp6_matmul,
            mxint8_kv_cache=mxint8_kv_cache,
            use_onnx_subfunctions=use_onnx_subfunctions,
            dynamo=dynamo,
            full_caches=full_caches,
            compiler_options=compiler_options,
        )
        return self.compile_for(options, compile_dir)

    def compile_for(self, options: CompileOptions, compile_dir: Path | None = None) -> Program:
        """`compile`, for options that are checked already."""
        if self.continuous_batching != options.continuous_batching:
            given = "is" if options.continuous_batching else "is not"
            raise UsageError(
                f"continuous_batching is {self.continuous_batching} and full_batch_size {given} given: continuous "
                "batching needs both. Say it in from_pretrained and give compile the number of cache rows."
            )
        return self._program(self._export_for(options, compile_dir), options)

    def _program(self, graph: ExportedGraph, options: CompileOptions) -> Program:
        """The program of a graph that passes preflight."""
        found = self._preflight(graph, options)
        found.refuse_problems()
        with self.steps.time(making(find_compiler())):
            program = make_program(
                decoder_to_compile(graph, options), options, self._model.config.to_dict(), find_compiler()
            )
        return replace(program, remarks=found.remarks)

    def _on_device(self, options: CompileOptions, rows: int, device_ids: Sequence[int]) -> DeviceDecoderSession:
        """The program for these rows on these cards, compiled now or before."""
        runtime = cloud_runtime()
        check_on_device(device_ids, options)
        sized = replace(options.for_rows(rows), num_devices=len(device_ids))
        graph = self._export_for(sized, None)
        return DeviceDecoderSession(loaded(self._program(graph, sized), device_ids, runtime), graph.layers, rows)

    def _preflight(self, graph: ExportedGraph, options: CompileOptions) -> Preflight:
        prompt = sample_prompt(self.tokenizer, self._model.config.get_text_config().vocab_size)
        programs = tuple(specializations_for(graph.layers, options))
        candidate = self._with_weights_where_needed(
            lambda model: candidate_of(model, graph.onnx_path, graph.spec, programs, (prompt,))
        )
        with self.steps.time("preflight"):
            found = preflight(candidate)
        self.steps.looked_at.append(LookedAt("text", candidate, found, cache_precision(options)))
        return found

    def _export_for(self, options: CompileOptions, export_dir: Path | None) -> ExportedGraph:
        """The graph that these options ask for."""
        if options.prefill_seq_len > LONGEST_CALL:
            # Only then: what the model keeps is found by running it.
            check_call_length(self._with_weights_where_needed(kv_cache_shapes), options.prefill_seq_len)
        if self.sampler is not None:
            check_sampling(options)
        return self.export(
            export_dir,
            ctx_len=options.ctx_len,
            compute_context_length=options.compute_context_length,
            is_tlm=options.num_speculative_tokens is not None,
            use_onnx_subfunctions=options.use_onnx_subfunctions,
            dynamo=options.dynamo,
            full_caches=options.full_caches,
        )

    def infer(
        self,
        prompts: Sequence[str],
        options: CompileOptions,
        *,
        generation_len: int | None,
        runtime: str,
        sampling: SamplingParameters | None = None,
        device_ids: Sequence[int] = (),
        preflights: bool = False,
    ) -> Inference:
        """The prompts' continuation, to be iterated over piece by piece.

        Args:
            prompts: texts.
            options: sizes of prefill and cache, how much of it is read, and how long drafts are.
            generation_len: tokens per prompt at most; None for all the context allows.
            runtime: `onnxruntime` or `pytorch`.
            sampling: how the sampler draws, if there is one.
            device_ids: the cards that run the program for `options`, and not this machine; none unless given.
            preflights: whether a graph that ONNX Runtime runs is looked at too, as one to be compiled is.

        Raises:
            UsageError: a prompt does not fit, the checkpoint has no tokenizer, it cannot be exported, or there is no
                sampler and something is asked of it; with cards, their runtime or compiler is not installed.
            PreflightFailed, CompilerError, DeviceError: with cards, the program cannot be made, or not be run.
        """
        if self.random_weights:
            raise UsageError(
                f"{self._name} is a model with random weights, which says nothing. Give a checkpoint: a model's "
                "folder, a GGUF file, or smollm2."
            )
        if self.sampler is None and sampling is not None:
            raise UsageError("sampling is given and the graph has no sampler. Say include_sampler in qaic_config.")
        if self.sampler is not None:
            check_sampling(options)
        if self.tokenizer is None:
            raise UsageError(self._no_tokenizer)
        tokens = tokens_of(prompts, self.tokenizer, self._model.config.get_text_config().vocab_size, options)
        rows = options.full_batch_size or len(prompts)
        decoder: TorchDecoder | HostDecoderSession | OrtDecoderSession | DeviceDecoderSession
        if device_ids:
            decoder = self._on_device(options, rows, device_ids)
        elif runtime == "pytorch":
            is_tlm = options.num_speculative_tokens is not None
            wanted = ExportSpec(options.ctx_len, is_tlm=is_tlm, full_caches=options.full_caches)
            layers = layers_kept(self.model, wanted)
            check_call_length(layers, options.prefill_seq_len)
            if is_tlm:
                check_drafts(layers)
            decoder = TorchDecoder(self.model, rows, options.ctx_len, layers=layers, sampler=self.sampler)
        else:
            graph = self._export_for(options, None)
            if preflights:
                self._preflight(graph, options.for_rows(rows))
            decoder = open_decoder(graph.onnx_path, rows, options.ctx_len)
        return Inference(
            decoder,
            self._model,
            self.tokenizer,
            tokens,
            options,
            generation_len=generation_len,
            sampled=None if self.sampler is None else SampledDecoding(self.sampler, sampling or SamplingParameters()),
        )
