"""`QEFFAutoModelForImageTextToText`: from a checkpoint to two programs, or one, and to text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from qeff_codegen.checked_in.generated_code import code_sha256, load_transforms
from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.decoding.cloud_runtime import cloud_runtime
from qeff_codegen.decoding.device_session import DeviceDecoderSession
from qeff_codegen.decoding.loaded_program import LoadedProgram
from qeff_codegen.deploy import custom_io
from qeff_codegen.deploy.compile_options import CompileOptions, CompilerValue
from qeff_codegen.deploy.find_compiler import find_compiler
from qeff_codegen.deploy.image_checkpoint import ImageCheckpoint, load_image_checkpoint
from qeff_codegen.deploy.image_inference import ImageRun, image_inference
from qeff_codegen.deploy.image_options import ImageOptions, check_call_holds_image, check_vision_size, sizes_of
from qeff_codegen.deploy.image_runners import asked_by, features_on_cards, with_graphs, with_modules
from qeff_codegen.deploy.image_samples import blank, noise
from qeff_codegen.deploy.image_specializations import language_specializations, vision_specializations
from qeff_codegen.deploy.inference import Inference
from qeff_codegen.deploy.kept_exports import exports_in
from qeff_codegen.deploy.on_device import check_on_device, loaded
from qeff_codegen.deploy.program import Program, ToCompile, cache_precision, decoder_to_compile, make_program
from qeff_codegen.deploy.specializations import specializations_for
from qeff_codegen.deploy.steps import LookedAt, Steps, making
from qeff_codegen.deploy.vision_programs import Size, VisionProgram, VisionPrograms
from qeff_codegen.errors import UsageError
from qeff_codegen.export.exported_graph import ONNX_TRANSFORMS, ExportedGraph, exported_graph, exported_vision
from qeff_codegen.export.graph_io import ExportSpec
from qeff_codegen.export.kv_cache import feature_layers_of, kv_cache_shapes, position_sections_of
from qeff_codegen.export.precision import convert, precision
from qeff_codegen.export.single_program import SingleProgram
from qeff_codegen.export.vision_export import VisionSpec, graph_spec
from qeff_codegen.export.with_states import check_call_length
from qeff_codegen.files.artifact_store import ArtifactStore
from qeff_codegen.preflight.candidate import candidate_of, vision_candidate_of
from qeff_codegen.preflight.run import Preflight, preflight, vision_preflight
from qeff_codegen.preflight.sample_prompt import sample_prompt

# Image tokens of preflight's sample, which leave room for text in its first call.
_SAMPLE_TOKENS = 16


class QEFFAutoModelForImageTextToText:
    """An image-text model whose modules are generated QEff classes.

    Attributes:
        model: the QEff model.
        processor: its processor, or None where the checkpoint has none.
        kv_offload: whether it becomes two programs.
        random_weights: whether it is a family's tiny model, which says nothing.
        remarks: what of its configuration was read otherwise than it is written.
        steps: what was done with it, how long that took, and what was seen of its graphs.
    """

    def __init__(
        self, checkpoint: ImageCheckpoint, generated: Path, *, kv_offload: bool, dtype: torch.dtype, continuous: bool
    ) -> None:
        model_type = checkpoint.family or checkpoint.model.config.model_type
        transforms = load_transforms(model_type, generated)
        self.model = convert(transforms.apply(checkpoint.model), dtype)
        self.processor = checkpoint.processor
        self.kv_offload = kv_offload
        self.continuous_batching = continuous
        self.random_weights = checkpoint.random_weights
        self.remarks = checkpoint.remarks
        self.steps = Steps()
        self._no_processor = checkpoint.no_processor
        self._tokenizer = checkpoint.tokenizer
        self._name = checkpoint.name
        self._dtype = dtype
        self._made_from = {
            "checkpoint": checkpoint.sha256,
            "generated": code_sha256(model_type, generated),
            "dtype": str(dtype),
        }
        self._pytorch_transforms = transforms.names

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str,
        kv_offload: bool = True,
        continuous_batching: bool = False,
        *,
        dtype: str | torch.dtype = torch.float32,
        generated: Path = INSTALLED,
    ) -> QEFFAutoModelForImageTextToText:
        """Load a checkpoint and turn it into its QEff model.

        Args:
            pretrained_model_name_or_path: a model's folder, or the name of a generated family, whose tiny model with
                random weights is taken.
            kv_offload: it becomes two programs, one for images and one for text; otherwise one for both.
            continuous_batching: the program for text takes `batch_index`.
            dtype: what weights, cache and arithmetic are in: float32 or float16.
            generated: the folder with the generated classes.

        Raises:
            UsageError: there is no such checkpoint, its family or that of its text model is not generated, or `dtype`
                is another one.
        """
        wanted = precision(dtype)
        checkpoint = load_image_checkpoint(pretrained_model_name_or_path, generated)
        return cls(checkpoint, generated, kv_offload=kv_offload, dtype=wanted, continuous=continuous_batching)

    @cached_property
    def encoder(self) -> Any:
        """The module that the vision program for the configured images is exported from.

        Raises:
            UsageError: it is made for one size of images, and the configuration says none.
        """
        (program,) = VisionPrograms(self.model).asked_for()
        return program.encoder

    @cached_property
    def decoder(self) -> Any:
        """The module that the language program is exported from, or the one for both.

        Raises:
            UsageError: one program for both is asked for, and the vision tower takes one image a call.
        """
        language: nn.Module = self.model.get_qeff_language_decoder()
        if self.kv_offload:
            return language.eval()
        if VisionPrograms(self.model).one_for_each_size:
            raise UsageError(
                f"the vision tower of {self.model.config.model_type} computes one image of one size a call, and one "
                "program for images and text has one for each row. Make two programs: leave out --single-qpc "
                "(kv_offload=False)."
            )
        return SingleProgram(self.encoder, language).eval()

    def compile(
        self,
        compile_dir: Path | None = None,
        *,
        img_size: int | Sequence[int | Size] = (),
        max_num_images: int | None = None,
        prefill_seq_len: int = 32,
        ctx_len: int = 128,
        batch_size: int = 1,
        full_batch_size: int | None = None,
        num_devices: int = 1,
        num_cores: int = 16,
        mxfp6_matmul: bool = False,
        mxint8_kv_cache: bool = False,
        full_caches: bool = False,
        **compiler_options: CompilerValue,
    ) -> tuple[Program, ...]:
        """Export, write what the compiler reads, and compile where there is a compiler.

        Args:
            compile_dir: where graphs and programs are kept; the cache folder unless given.
            img_size: one size or several, each a number for a square, or a pair of height and width.
            max_num_images: see `ImageOptions`.
            compiler_options: further options of qaic-compile: `mos=1` becomes `-mos=1`, `True` a bare flag.

        The others are those of `CompileOptions`.

        Returns:
            The vision programs and the one for text, or the one for both.

        Raises:
            UsageError: an option is wrong or contradicts another, or a folder cannot be written.
            PreflightFailed: a graph is not as the compiler needs it.
            CompilerError: the compiler failed.
        """
        options = CompileOptions(
            prefill_seq_len=prefill_seq_len,
            ctx_len=ctx_len,
            batch_size=batch_size,
            full_batch_size=full_batch_size,
            num_devices=num_devices,
            num_cores=num_cores,
            mxfp6_matmul=mxfp6_matmul,
            mxint8_kv_cache=mxint8_kv_cache,
            full_caches=full_caches,
            compiler_options=compiler_options,
        )
        images = ImageOptions(sizes_of(img_size), max_num_images, not self.kv_offload)
        return self.compile_for(options, images, compile_dir)

    def compile_for(
        self,
        options: CompileOptions,
        images: ImageOptions,
        compile_dir: Path | None = None,
        *,
        has_images: bool = True,
    ) -> tuple[Program, ...]:
        """`compile`, for options that are checked already, each by itself.

        Without images there is no vision program, and the program for text has room for one embedding.
        """
        images.check_with(options)
        if images.single_qpc == self.kv_offload:
            raise UsageError("kv_offload is said in from_pretrained: True makes two programs, False one for both.")
        if options.continuous_batching != self.continuous_batching:
            raise UsageError(
                "continuous batching needs continuous_batching in from_pretrained, and full_batch_size in compile."
            )
        graphs = []
        for graph, found in self._graphs(options, images, exports_in(compile_dir), has_images=has_images):
            found.refuse_problems()
            graphs.append((graph, found.remarks))
        made = []
        for graph, remarks in graphs:
            # A tower is small, and its numbers are what the text model reads; QEfficient compresses none of it.
            plain = replace(options, mxfp6_matmul=False, use_onnx_subfunctions=False)
            own = options if graph.retains_state else plain
            with self.steps.time(making(find_compiler())):
                program = make_program(graph, own, self.model.config.to_dict(), find_compiler())
            made.append(replace(program, remarks=remarks))
        return tuple(made)

    def _graphs(
        self, options: CompileOptions, images: ImageOptions, store: ArtifactStore, *, has_images: bool = True
    ) -> Iterator[tuple[ToCompile, Preflight]]:
        """The graphs for images and that for text, or the one for both, and what preflight found in each."""
        if not has_images and not images.single_qpc:
            yield self._language(options, images, (), 1, store)
            return
        visions = VisionPrograms(self.model, images.img_size).asked_for()
        of_an_image = max(vision.most_tokens for vision in visions)
        num_images = images.max_num_images or 1
        check_vision_size(num_images * of_an_image, options.ctx_len)
        check_call_holds_image(getattr(self.model, "both_ways", None), of_an_image, options.prefill_seq_len)
        if not images.single_qpc:
            for vision in visions:
                yield self._vision(vision, num_images * options.batch_size, store)
        yield self._language(options, images, visions, num_images * of_an_image, store)

    def _vision(self, vision: VisionProgram, num_images: int, store: ArtifactStore) -> tuple[ToCompile, Preflight]:
        """A vision program's graph."""
        path = self._vision_graph(vision, store)
        spec = graph_spec(vision.spec, path)
        programs = tuple(vision_specializations(spec, num_images))
        candidate = vision_candidate_of(vision.encoder, path, spec, programs)
        with self.steps.time("preflight"):
            found = vision_preflight(candidate)
        sizes = ", ".join(f"{height} x {width}" for height, width in vision.spec.sizes)
        self.steps.looked_at.append(LookedAt(f"images of {sizes}", candidate, found, custom_io.FLOAT16))
        custom = custom_io.render_vision(spec.outputs)
        graph = ToCompile(path, programs, custom, self._pytorch_transforms, ONNX_TRANSFORMS, retains_state=False)
        return graph, found

    def _language(
        self,
        options: CompileOptions,
        images: ImageOptions,
        visions: Sequence[VisionProgram],
        vision_size: int,
        store: ArtifactStore,
    ) -> tuple[ToCompile, Preflight]:
        """The graph for text, or for both."""
        graph = self._language_graph(options, images, visions[0].many if images.single_qpc else None, store)
        if images.single_qpc:
            programs = specializations_for(graph.layers, options)
        else:
            programs = language_specializations(graph.layers, options, vision_size)
        config: Any = self.model.config
        prompt = sample_prompt(None, min(config.get_text_config().vocab_size, config.image_token_id))
        if visions:
            sample, deep = noise(visions[0], vision_size, self._dtype, of_pixels=images.single_qpc)
            prompt = (*[config.image_token_id] * min(_SAMPLE_TOKENS, vision_size), *prompt)
        else:
            sample, deep = blank(self.decoder, config.get_text_config().hidden_size, self._dtype)
        candidate = candidate_of(self.decoder, graph.onnx_path, graph.spec, tuple(programs), (prompt,), sample, deep)
        with self.steps.time("preflight"):
            found = preflight(candidate)
        kind = "images and text" if images.single_qpc else "text"
        self.steps.looked_at.append(LookedAt(kind, candidate, found, cache_precision(options)))
        return decoder_to_compile(graph, options, programs), found

    def _vision_graph(self, vision: VisionProgram, store: ArtifactStore) -> Path:
        name = f"{self._name}-vision"
        if vision.of_one_image:
            ((height, width),) = vision.spec.sizes
            name += f"-{height}x{width}"
        with self.steps.time("exporting"):
            return exported_vision(name, vision.encoder, vision.spec, store, made_from=self._made_from)

    def _language_graph(
        self,
        options: CompileOptions,
        images: ImageOptions,
        pixels: VisionSpec | None,
        store: ArtifactStore,
    ) -> ExportedGraph:
        wanted = ExportSpec(
            options.ctx_len,
            continuous_batching=options.continuous_batching,
            compute_context_length=options.compute_context_length,
            use_onnx_subfunctions=options.use_onnx_subfunctions,
            images=True,
            full_caches=options.full_caches,
            feature_layers=feature_layers_of(self.decoder),
            position_sections=position_sections_of(self.decoder),
            pixels=None if pixels is None else pixels.shape(1)[1:],
        )
        check_call_length(kv_cache_shapes(self.decoder), options.prefill_seq_len)
        with self.steps.time("exporting"):
            return exported_graph(
                f"{self._name}-{'single' if images.single_qpc else 'lang'}",
                self.decoder,
                wanted,
                store,
                made_from=self._made_from,
                pytorch_transforms=self._pytorch_transforms,
            )

    def infer(
        self,
        prompts: Sequence[str],
        image_files: Sequence[Path],
        options: CompileOptions,
        images: ImageOptions,
        *,
        generation_len: int | None,
        runtime: str,
        device_ids: Sequence[int] = (),
        preflights: bool = False,
    ) -> Inference:
        """The prompts' continuation, to be iterated over piece by piece; the vision program has run by then.

        Args:
            prompts: texts; one alone, where there are images.
            image_files: the images of that prompt, in the order of their places.
            options: sizes of prefill and cache, and how much of it is read.
            images: sizes of images, and whether one program runs both.
            generation_len: tokens per prompt at most; None for all the context allows.
            runtime: `onnxruntime` or `pytorch`.
            device_ids: the cards that run the programs for `options`, and not this machine; none unless given.
            preflights: whether graphs that ONNX Runtime runs are looked at too, as those to be compiled are.

        Raises:
            UsageError: prompts and images do not fit together, or into what is asked for, or the checkpoint has no
                processor; before anything is exported or run. With cards, their runtime or compiler is not installed.
            PreflightFailed, CompilerError, DeviceError: with cards, a program cannot be made, or not be run.
        """
        if self.random_weights:
            raise UsageError(
                f"{self._name} is a model with random weights, which says nothing. Give a checkpoint's folder."
            )
        images.check_with(options)
        if self.processor is None:
            raise UsageError(self._no_processor)
        # A model that cannot be one program for both says so before anything is made of images.
        _ = self.decoder
        programs = VisionPrograms(self.model, images.img_size)
        run = ImageRun(
            prompts,
            image_files,
            processor=self.processor,
            model=self.model,
            programs=programs,
            options=options,
            images=images,
        )
        if device_ids:
            return self._on_device(run, images, device_ids, generation_len)
        if runtime == "pytorch":
            return image_inference(run, *with_modules(run, self.decoder), generation_len=generation_len)
        store = exports_in(None)
        if preflights:
            has_images = run.most_images > 0
            list(self._graphs(options.for_rows(run.rows), asked_by(run, images), store, has_images=has_images))
        text = self._language_graph(options, images, _pixels(run), store).onnx_path
        visions = {} if run.single else {each: self._vision_graph(each, store) for each in run.programs_of_images}
        return image_inference(run, *with_graphs(run, self.decoder, text, visions), generation_len=generation_len)

    def _on_device(
        self, run: ImageRun, images: ImageOptions, device_ids: Sequence[int], generation_len: int | None
    ) -> Inference:
        """`infer` with programs on cards, compiled now or before; those for images make room for the other."""
        runtime = cloud_runtime()
        check_on_device(device_ids, run.options)
        sized = replace(run.options.for_rows(run.rows), num_devices=len(device_ids))
        asked = asked_by(run, images)
        *compiled, text = self.compile_for(sized, asked, has_images=run.most_images > 0)
        # One for each size, in the order of sizes, or one for all.
        one_for_each_size = run.programs.one_for_each_size
        visions = dict(zip(asked.img_size if one_for_each_size else (None,), compiled, strict=False))

        def load(program: VisionProgram) -> LoadedProgram:
            return loaded(visions[program.spec.sizes[0] if one_for_each_size else None], device_ids, runtime)

        store = exports_in(None)
        features = features_on_cards(run, self.decoder, load, lambda program: self._vision_graph(program, store))
        layers = self._language_graph(sized, images, _pixels(run), store).layers
        runner = DeviceDecoderSession(loaded(text, device_ids, runtime), layers, run.rows)
        return image_inference(run, runner, features, generation_len=generation_len)


def _pixels(run: ImageRun) -> VisionSpec | None:
    """What the one program for both takes; None where there are two."""
    return run.programs.asked_for()[0].many if run.single else None
