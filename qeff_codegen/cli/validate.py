"""`validate`: prove generated models against upstream, stage by stage."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, UsageError


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--weights",
    type=click.Choice(["smollm2"]),
    help="Also run real prompts through real weights: SmolLM2-135M-Instruct, a llama (about 90 MB, downloaded once).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else on standard output.")
@click.option(
    "--generated",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("generated"),
    show_default=True,
    help="The folder the models were generated into.",
)
@click.pass_context
def validate(
    context: click.Context, names: tuple[str, ...], weights: str | None, as_json: bool, generated: Path
) -> None:
    """Run NAME's tiny models on Hugging Face, QEff on PyTorch and ONNX Runtime, and compare every step.

    Exit code 0: Stages 1 to 3 are equal. 1: they are not. 2: validation cannot start.
    """
    try:
        from qeff_codegen.validation.record import RECORDS, keep_records
        from qeff_codegen.validation.run import validate_models
        from qeff_codegen.validation.weights import PACKAGED
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Validation needs the package `{error.name}`, which is not installed.\n"
            "Run `pip install 'qeff_codegen[run]'`; generating works without it."
        ) from error
    # Progress goes to standard error when standard output is a JSON document.
    chosen = PACKAGED[weights] if weights else None
    outcome = validate_models(names, chosen, generated, Console(stderr=as_json))
    try:
        keep_records(outcome.results, generated, RECORDS)
    except OSError as error:
        click.echo(f"The results are not kept for `review`: {error.filename}: {error.strerror}.", err=True)
    if as_json:
        click.echo(json.dumps(outcome.as_json(), indent=2))
    context.exit(EXIT_DONE if outcome.passed else EXIT_DIFFERENCES)
