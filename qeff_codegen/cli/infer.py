"""`infer`: text from prompts, on ONNX Runtime, PyTorch or a Cloud AI 100."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.cli.answers import write_answers
from qeff_codegen.cli.device_option import cards, check_device_options, device_option
from qeff_codegen.cli.family_names import packaged_weights
from qeff_codegen.cli.graph_options import graph_options
from qeff_codegen.cli.image_options import image_options
from qeff_codegen.cli.load_image_model import load_image_model
from qeff_codegen.cli.load_model import load_model
from qeff_codegen.cli.program_options import program_options, written_down
from qeff_codegen.cli.progress import say, written_bytes_shown
from qeff_codegen.cli.remote_options import remote_of, remote_options
from qeff_codegen.cli.report_option import report_option, reported
from qeff_codegen.cli.sampling_options import sampling_options
from qeff_codegen.decoding.sampling_parameters import SamplingParameters
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.named_model import check_named, refuse_random_weights
from qeff_codegen.errors import UsageError
from qeff_codegen.stopping import stops_within_a_second


@click.command()
@click.argument("source", metavar="MODEL", shell_complete=packaged_weights)
@click.option("--prompt", "prompts", multiple=True, help="A prompt; repeat it for a batch.")
@click.option(
    "--prompts-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A text file with a prompt on each line.",
)
@click.option(
    "--image",
    "image_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="An image of the prompt; repeat it for several, in their order.",
)
@graph_options
@image_options
@remote_options
@click.option(
    "--generated",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder the model was generated into.  [default: the one that comes with this tool]",
)
@click.option(
    "--prompt-lookup-num-tokens",
    type=int,
    help="Draft that many tokens from the text itself and check them in one call: the same text in fewer calls.",
)
@sampling_options
@click.option("--generation-len", type=int, help="Tokens per prompt at most.  [default: all the context allows]")
@click.option(
    "--runtime",
    type=click.Choice(["onnxruntime", "pytorch"]),
    help="What runs the model on this machine.  [default: onnxruntime]",
)
@device_option
@program_options
@report_option
@stops_within_a_second()
def infer(
    source: str,
    prompts: tuple[str, ...],
    prompts_file: Path | None,
    image_files: tuple[Path, ...],
    prefill_seq_len: int,
    ctx_len: int,
    full_batch_size: int | None,
    comp_ctx_lengths_prefill: tuple[int, ...],
    comp_ctx_lengths_decode: tuple[int, ...],
    dtype: str,
    num_kv_blocks: int,
    use_onnx_subfunctions: bool,
    dynamo: bool,
    full_caches: bool,
    remote_source: Path | None,
    class_name: str | None,
    trust_remote_code: bool,
    generated: Path | None,
    prompt_lookup_num_tokens: int | None,
    generation_len: int | None,
    runtime: str | None,
    device_ids: tuple[int, ...],
    program: dict[str, Any],
    report_file: Path | None,
    qaic_config: dict[str, Any],
    sampling: SamplingParameters | None,
    images: ImageOptions | None,
) -> None:
    """Continue every prompt with MODEL: a model's folder, a GGUF file, or `smollm2`.

    A checkpoint with modeling code of its own is MODEL by the name that it was generated under, and its folder is
    --source.

    With an image-text model the prompt may have images: --image for each.

    With --device the program for these sizes runs on that Cloud AI 100; it is compiled first where it is not yet, and
    the options of the compiler are those of `compile`.

    Text is written as it comes; of several prompts, in their order.
    """
    prompts = (*prompts, *_lines(prompts_file))
    empty = [prompt for prompt in prompts if not prompt.strip()]
    if empty:
        raise UsageError(f"the prompt {empty[0]!r} is empty, and there is nothing to go on with. Give another text.")
    if not prompts:
        raise UsageError("there is no prompt. Give --prompt TEXT, more than once for a batch, or --prompts-file.")
    if report_file is not None and runtime == "pytorch":
        raise UsageError("--report is about a graph, and PyTorch runs none. Leave out --report or --runtime pytorch.")
    if device_ids:
        check_device_options(runtime)
    elif program:
        raise UsageError(
            "options of the compiler are given without --device, and nothing is compiled. Leave them out."
        )
    options = CompileOptions(
        prefill_seq_len=prefill_seq_len,
        ctx_len=ctx_len,
        full_batch_size=full_batch_size,
        comp_ctx_lengths_prefill=comp_ctx_lengths_prefill,
        comp_ctx_lengths_decode=comp_ctx_lengths_decode,
        num_speculative_tokens=prompt_lookup_num_tokens,
        use_onnx_subfunctions=use_onnx_subfunctions,
        dynamo=dynamo,
        full_caches=full_caches,
        num_devices=max(1, len(device_ids)),
        **(written_down(program) if device_ids else {}),
    )
    remote = remote_of(remote_source, class_name, trust_remote_code)
    if generation_len is not None and generation_len < 1:
        raise UsageError(f"--generation-len is {generation_len}: a prompt alone gives one token. Give 1 or more.")
    check_named(source, generated or INSTALLED, remote, random_weights=False)
    if remote is None:
        refuse_random_weights(source, generated or INSTALLED)
    say("loading", source)
    given: dict[str, Any] = {
        "dtype": dtype,
        "num_kv_blocks": num_kv_blocks,
        "qaic_config": qaic_config,
        "remote": remote,
        "generated": generated,
    }
    if image_files and images is None:
        images = ImageOptions()
    run: dict[str, Any] = {
        "generation_len": generation_len,
        "runtime": runtime or "onnxruntime",
        "device_ids": device_ids,
        "preflights": report_file is not None,
    }
    where = cards(device_ids) if device_ids else run["runtime"]
    running = f"{len(prompts)} prompt{'s' if len(prompts) > 1 else ''} in {where}"
    if device_ids:
        running += ", with a program that is compiled now where none is kept"
    elif where == "onnxruntime":
        running += ", with a graph that is exported now where none is kept"
    with reported(report_file, "infer", source) as told:
        started = time.perf_counter()
        of_images = load_image_model(source, options, images, **given)
        if of_images is not None:
            told.model = of_images
            told.seconds = {"loading": time.perf_counter() - started}
            say("running", running)
            with written_bytes_shown():
                inference = of_images.infer(prompts, image_files, options, images or ImageOptions(), **run)
        else:
            told.model = model = load_model(source, options, **given)
            told.seconds = {"loading": time.perf_counter() - started}
            say("running", running)
            with written_bytes_shown():
                inference = model.infer(prompts, options, sampling=sampling, **run)
        write_answers(prompts, inference)
        speed = inference.speed
        told.later = {"to the first token": speed.time_to_first_token, "all tokens": speed.seconds}
        told.remarks = [f"{inference.summary} ({where})."]
        told.outcome = (f"{speed.tokens} tokens", f"on {where}")
    click.echo(f"{inference.summary} ({where})", err=True)


def _lines(file: Path | None) -> list[str]:
    """The prompts in a file, without empty lines."""
    if file is None:
        return []
    try:
        return [line for line in file.read_text("utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is no UTF-8 text ({error.reason} at byte {error.start}). Save it as UTF-8."
        ) from error
