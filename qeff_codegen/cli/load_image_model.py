"""Load an image-text model for a command, where MODEL is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qeff_codegen.checked_in.layout import INSTALLED
from qeff_codegen.cli.run_packages import run_packages
from qeff_codegen.deploy.compile_options import CompileOptions
from qeff_codegen.deploy.image_options import ImageOptions
from qeff_codegen.errors import UsageError
from qeff_codegen.remote_code.given import Remote

if TYPE_CHECKING:
    from qeff_codegen.deploy.image_auto_model import QEFFAutoModelForImageTextToText


def load_image_model(
    source: str,
    options: CompileOptions,
    images: ImageOptions | None,
    *,
    dtype: str,
    num_kv_blocks: int,
    qaic_config: dict[str, Any],
    remote: Remote | None,
    generated: Path | None,
) -> QEFFAutoModelForImageTextToText | None:
    """The QEff model of `source`, or None where that is no image-text model.

    Says on standard error what of a configuration was read otherwise than it is written.

    Args:
        source: a model's folder, or a generated family.
        options: what is asked of its programs.
        images: what is asked of its images, if anything is.
        dtype: float32 or float16.
        num_kv_blocks: over how many blocks of keys attention is to be computed.
        qaic_config: what is asked of a sampler.
        remote: where its own code stands, if it is not transformers' own.
        generated: the folder with the generated classes; this package's own unless it is given.

    Raises:
        UsageError: a package is missing, something is asked for that is not there for such a model, or of images of
            another one.
    """
    with run_packages("Running a model"):
        from qeff_codegen.deploy.image_auto_model import QEFFAutoModelForImageTextToText
        from qeff_codegen.deploy.image_checkpoint import names_image_text
    folder = generated or INSTALLED
    if remote is not None or not names_image_text(source, folder, with_images=images is not None):
        if images is not None:
            raise UsageError(
                f"{source} is no image-text model of transformers, and something is asked of images (--image, "
                "--img-size, --max-num-images, --single-qpc). Leave it out."
            )
        return None
    asked = {"--num-kv-blocks": num_kv_blocks != 1, "--include-sampler": qaic_config["include_sampler"]}
    wanted = [name for name, is_asked in asked.items() if is_asked]
    if wanted:
        raise UsageError(f"{source} is an image-text model, which is made without {' and '.join(wanted)}.")
    own = images or ImageOptions()
    own.check_with(options)
    model = QEFFAutoModelForImageTextToText.from_pretrained(
        source, not own.single_qpc, options.continuous_batching, dtype=dtype, generated=folder
    )
    for remark in model.remarks:
        click.echo(f"remark     {remark}", err=True)
    return model
