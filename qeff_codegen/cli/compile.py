"""`compile`: from a checkpoint to a program for Cloud AI 100, or to everything its compiler reads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.cli.family_names import models_to_compile
from qeff_codegen.cli.graph_options import graph_options
from qeff_codegen.cli.image_options import image_options
from qeff_codegen.cli.load_image_model import load_image_model
from qeff_codegen.cli.load_model import load_model
from qeff_codegen.cli.program_options import program_options, written_down
from qeff_codegen.cli.progress import say, written_bytes_shown
from qeff_codegen.cli.remote_options import remote_of, remote_options
from qeff_codegen.cli.report_option import report_option, reported
from qeff_codegen.cli.sampling_options import include_sampler, max_top_k_ids, qaic_config_of
from qeff_codegen.deploy.compile_options import CompileOptions, SpecializationsFormat
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.deploy.named_model import check_named
from qeff_codegen.stopping import stops_within_a_second

if TYPE_CHECKING:
    from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM
    from qeff_codegen.deploy.image_auto_model import QEFFAutoModelForImageTextToText
    from qeff_codegen.deploy.program import Program

EXPORTING = "what is not kept from before, and looking at what the compiler would get"
COMPILED = ("compiled", "not run on hardware")
NOT_COMPILED = ("not compiled", "qaic-compile was not found; its input is written")


@click.command()
@click.argument("source", metavar="MODEL", shell_complete=models_to_compile)
@graph_options
@image_options
@remote_options
@click.option(
    "--generated",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The folder the model was generated into.  [default: the one that comes with this tool]",
)
@click.option("--batch-size", type=int, default=1, show_default=True, help="Prompts that start and end together.")
@click.option("--num-speculative-tokens", type=int, help="Tokens of a draft that one decode call checks.")
@include_sampler
@max_top_k_ids
@click.option("--return-pdfs", is_flag=True, help="The graph that samples also gives the probabilities.")
@click.option("--num-devices", type=int, default=1, show_default=True, help="Cards the program is split over.")
@program_options
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that keeps graphs and programs.  [default: the cache folder]",
)
@report_option
@stops_within_a_second()
def compile(  # noqa: A001 - the name of the command
    source: str,
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
    batch_size: int,
    num_speculative_tokens: int | None,
    include_sampler: bool,
    max_top_k_ids: int | None,
    return_pdfs: bool,
    num_devices: int,
    program: dict[str, Any],
    output: Path | None,
    report_file: Path | None,
    images: ImageOptions | None,
) -> None:
    """Export MODEL with its generated classes, write what the compiler reads, and run the compiler if it is here.

    MODEL is a model's folder, a GGUF file, `smollm2`, or the name of a generated family, whose tiny model with random
    weights is then compiled. An image-text model becomes two programs, or one with --single-qpc. A checkpoint with
    modeling code of its own is MODEL by the name that it was generated under, and its folder is --source.
    """
    qaic_config = qaic_config_of(include_sampler, max_top_k_ids, return_pdfs)
    options = CompileOptions(
        prefill_seq_len=prefill_seq_len,
        ctx_len=ctx_len,
        batch_size=batch_size,
        full_batch_size=full_batch_size,
        comp_ctx_lengths_prefill=comp_ctx_lengths_prefill,
        comp_ctx_lengths_decode=comp_ctx_lengths_decode,
        num_speculative_tokens=num_speculative_tokens,
        num_devices=num_devices,
        use_onnx_subfunctions=use_onnx_subfunctions,
        dynamo=dynamo,
        full_caches=full_caches,
        **written_down(program),
    )
    remote = remote_of(remote_source, class_name, trust_remote_code)
    check_named(source, generated or INSTALLED, remote)
    say("loading", source)
    given: dict[str, Any] = {
        "dtype": dtype,
        "num_kv_blocks": num_kv_blocks,
        "qaic_config": qaic_config,
        "remote": remote,
        "generated": generated,
    }
    with reported(report_file, "compile", source) as told:
        started = time.perf_counter()
        model = load_image_model(source, options, images, **given) or load_model(source, options, **given)
        told.model, told.seconds = model, {"loading": time.perf_counter() - started}
        say("exporting", EXPORTING)
        with written_bytes_shown():
            programs = _compiled(model, options, images or ImageOptions(), output)
        told.commands = [made.command_line for made in programs]
        told.outcome = COMPILED if all(made.compiled for made in programs) else NOT_COMPILED
    if model.random_weights:
        click.echo(f"random     the weights: a tiny {source}, to see what is compiled; its program says nothing")
    for made in programs:
        _tell(made)
    if not all(made.compiled for made in programs):
        click.echo(
            f"not compiled: qaic-compile was not found; run the {_commands(programs)} where the SDK is installed"
        )


def _compiled(
    model: QEFFAutoModelForCausalLM | QEFFAutoModelForImageTextToText,
    options: CompileOptions,
    images: ImageOptions,
    output: Path | None,
) -> tuple[Program, ...]:
    from qeff_codegen.deploy.image_auto_model import QEFFAutoModelForImageTextToText

    if isinstance(model, QEFFAutoModelForImageTextToText):
        return model.compile_for(options, images, output)
    return (model.compile_for(options, output),)


def _commands(programs: Sequence[Program]) -> str:
    return "command above" if len(programs) == 1 else "commands above"


def _tell(program: Program) -> None:
    for path in sorted(program.folder.iterdir()):
        click.echo(f"written    {path}")
    if program.specializations_format is SpecializationsFormat.FLAT:
        click.echo("remark     specializations.json has its flat form, sizes without programs' names")
    for remark in program.remarks:
        click.echo(f"remark     {remark}")
    click.echo("preflight  passed")
    click.echo(f"command    {program.command_line}")
    if program.compiled:
        click.echo(f"compiled   {program.folder / 'qpc'}")
