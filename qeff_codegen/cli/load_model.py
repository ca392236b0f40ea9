"""Load a checkpoint for a command, where the packages that it takes are installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.cli.run_packages import run_packages
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.remote_code.given import Remote

if TYPE_CHECKING:
    from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM


def load_model(
    source: str,
    options: CompileOptions,
    *,
    dtype: str,
    num_kv_blocks: int,
    qaic_config: dict[str, Any],
    remote: Remote | None,
    generated: Path | None,
) -> QEFFAutoModelForCausalLM:
    """The QEff model of `source`, a model's folder, a GGUF file, `smollm2`, or a generated family.

    Says on standard error what of a configuration was read otherwise than it is written.

    Args:
        dtype: float32 or float16.
        num_kv_blocks: over how many blocks of keys attention is computed.
        qaic_config: what is asked of a sampler.
        remote: where its own code stands, if it is not transformers' own.
        generated: the folder with the generated classes; this package's own unless it is given.

    Raises:
        UsageError: a package is missing, there is no such checkpoint, or its family is not generated.
    """
    with run_packages("Running a model"):
        from qeff_codegen.deploy.auto_model import QEFFAutoModelForCausalLM
        from qeff_codegen.deploy.sampler_options import check_sampling
    if qaic_config["include_sampler"]:
        check_sampling(options)
    model = QEFFAutoModelForCausalLM.from_pretrained(
        source,
        continuous_batching=options.continuous_batching,
        dtype=dtype,
        num_kv_blocks=num_kv_blocks,
        qaic_config=qaic_config,
        generated=generated or INSTALLED,
        remote=remote,
    )
    for remark in model.remarks:
        # Beside what a command prints, which may be a model's text.
        click.echo(f"remark     {remark}", err=True)
    return model
