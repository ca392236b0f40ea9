"""`infer`: text from prompts, on ONNX Runtime or PyTorch."""

from __future__ import annotations

import click

from qeff_codegen.cli.load_model import load_model
from qeff_codegen.deploy.compile_options import CompileOptions


@click.command()
@click.argument("source", metavar="MODEL")
@click.option("--prompt", "prompts", multiple=True, required=True, help="A prompt; repeat it for a batch.")
@click.option("--prefill-seq-len", type=int, default=32, show_default=True, help="Tokens of one prefill chunk.")
@click.option("--ctx-len", type=int, default=128, show_default=True, help="Slots of the KV cache.")
@click.option(
    "--full-batch-size", type=int, help="Cache rows for continuous batching; all prompts start together else."
)
@click.option("--use-onnx-subfunctions", is_flag=True, help="Make one ONNX function of every decoder-layer class.")
@click.option("--generation-len", type=int, help="Tokens per prompt at most.  [default: all the context allows]")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="What weights, cache and arithmetic are in.",
)
@click.option(
    "--num-kv-blocks", type=int, default=1, show_default=True, help="Blocks of keys that attention is computed over."
)
@click.option(
    "--runtime",
    type=click.Choice(["onnxruntime", "pytorch"]),
    default="onnxruntime",
    show_default=True,
    help="What runs the model.",
)
def infer(
    source: str,
    prompts: tuple[str, ...],
    prefill_seq_len: int,
    ctx_len: int,
    full_batch_size: int | None,
    use_onnx_subfunctions: bool,
    generation_len: int | None,
    dtype: str,
    num_kv_blocks: int,
    runtime: str,
) -> None:
    """Continue every prompt with MODEL: a model's folder, a GGUF file, or `smollm2`.

    One prompt is answered word by word; several are shown as each is done.
    """
    options = CompileOptions(
        prefill_seq_len=prefill_seq_len,
        ctx_len=ctx_len,
        full_batch_size=full_batch_size,
        use_onnx_subfunctions=use_onnx_subfunctions,
    )
    model = load_model(source, options, dtype=dtype, num_kv_blocks=num_kv_blocks)
    inference = model.infer(prompts, options, generation_len=generation_len, runtime=runtime)
    if len(prompts) == 1:
        for piece in inference:
            click.echo(piece.text, nl=False)
        click.echo()
    else:
        for _ in inference:
            pass
        for prompt, text in zip(prompts, inference.texts, strict=True):
            click.echo(f"> {prompt}\n{text.text}\n")
    speed = inference.speed
    click.echo(
        f"{speed.tokens} tokens in {speed.seconds:.2f} s: the first after {speed.time_to_first_token:.2f} s, "
        f"then {speed.tokens_per_second:.1f} tokens/s ({runtime})",
        err=True,
    )
