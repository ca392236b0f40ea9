"""`generate`: from model names to files, with an account of what was recognised and which rule did what."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from qeff_codegen.cli.source_options import source_options
from qeff_codegen.cli.tables import show_table
from qeff_codegen.errors import EXIT_DONE, DifferencesError, QEffCodegenError, Refusal, UsageError
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model

DEFAULT_OUTPUT = Path("generated")


@dataclass(frozen=True)
class Failure:
    """A model that is not written, and why."""

    name: str
    error: QEffCodegenError


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@source_options
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUTPUT,
    show_default=True,
    help="The folder to write the models' packages, the mapping file and the manifest into.",
)
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@click.pass_context
def generate(
    context: click.Context,
    names: tuple[str, ...],
    transformers_version: str | None,
    source: Path | None,
    output: Path,
    force: bool,
) -> None:
    """Generate the QEff modeling code of every NAME. (The word `generate` may be left out.)

    Each model is tried on its own: one that is refused is reported and writes nothing, the others are written.
    The exit code is that of the worst.
    """
    names = tuple(dict.fromkeys(names))
    if source is not None and source.suffix == ".py" and len(names) > 1:
        raise UsageError(f"--source {source} is one modeling file, and {len(names)} names are given; give one.")
    models: list[GeneratedModel] = []
    failures: list[Failure] = []
    for name in names:
        try:
            models.append(_generated(name, transformers_version, source))
        except QEffCodegenError as error:
            failures.append(Failure(name, error))
    for model in models:
        _show(model)
    if models:
        failures += _write(models, output, force)
    _report(failures)
    context.exit(max((failure.error.exit_code for failure in failures), default=EXIT_DONE))


def _generated(name: str, transformers_version: str | None, source: Path | None) -> GeneratedModel:
    upstream = find_model(name, transformers_version=transformers_version, source=source)
    # The engine brings LibCST and every rule along, which --help and a misspelled name do not need.
    from qeff_codegen.engine.generate import generate_model

    return generate_model(upstream)


def _show(model: GeneratedModel) -> None:
    from qeff_codegen.engine.generate import rule_summaries

    release = f" (transformers {model.upstream.version})" if model.upstream.version else ""
    roles = [(role.role, role.name, str(role.line)) for role in model.roles]
    show_table(f"{model.name}: recognised in {model.upstream.display_path}{release}", ("role", "name", "line"), roles)
    whys = rule_summaries()
    rules = [(rule, str(count), whys[rule]) for rule, count in model.rules if count]
    show_table(f"{model.name}: rules that changed it", ("rule", "places", "why"), rules)


def _write(models: Sequence[GeneratedModel], output: Path, force: bool) -> list[Failure]:
    """Write all models; if that fails because of one of them, write the others. Gives those that were not written."""
    from qeff_codegen.emit.write import write_models
    from qeff_codegen.engine.generate import rules_sha256

    try:
        report = write_models(models, output, force=force, rules_sha256=rules_sha256())
    except QEffCodegenError as error:
        if len(models) > 1 and isinstance(error, DifferencesError | Refusal):
            return [failure for model in models for failure in _write([model], output, force)]
        return [Failure(model.name, error) for model in models]
    for path in report.written:
        click.echo(f"written    {path}")
    for path in report.unchanged:
        click.echo(f"unchanged  {path}")
    for name in report.dropped:
        click.echo(f"dropped    {name}: its modeling file is gone, so its entries in the mapping file went too")
    folder = "" if output == DEFAULT_OUTPUT else f" --generated {shlex.quote(str(output))}"
    click.echo(f"next       python -m qeff_codegen validate {' '.join(model.name for model in models)}{folder}")
    return []


def _report(failures: Sequence[Failure]) -> None:
    """Print every message once, with the names it is about before it."""
    about: dict[str, list[str]] = {}
    for failure in failures:
        about.setdefault(str(failure.error), []).append(failure.name)
    for message, names in about.items():
        click.echo(f"{', '.join(names)}: {message}", err=True)
