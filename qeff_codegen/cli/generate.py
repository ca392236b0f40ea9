"""`generate`: from model names to files, with an account of what was recognised and which rule did what."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qeff_codegen.checked_in import layout, manifest
from qeff_codegen.cli.family_names import upstream_families
from qeff_codegen.cli.formats import json_option, show_json
from qeff_codegen.cli.progress import counted, say
from qeff_codegen.cli.source_options import source_options
from qeff_codegen.cli.tables import show_table
from qeff_codegen.errors import EXIT_DONE, DifferencesError, QEffCodegenError, Refusal, UsageError
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel

if TYPE_CHECKING:
    from qeff_codegen.emit.write import WriteReport

DEFAULT_OUTPUT = Path("generated")


@dataclass(frozen=True)
class Failure:
    """A model that is not written, and why."""

    name: str
    error: QEffCodegenError


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...", shell_complete=upstream_families)
@source_options
@click.option("--all", "everything", is_flag=True, help="Every model that is in the output folder already.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUTPUT,
    show_default=True,
    help="The folder to write the models' packages, the mapping file and the manifest into.",
)
@click.option("--force", is_flag=True, help="Overwrite generated files that were edited by hand.")
@click.option("--quiet", is_flag=True, help="Say nothing but what went wrong.")
@json_option
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Models generated at the same time."
)
@click.pass_context
def generate(
    context: click.Context,
    names: tuple[str, ...],
    transformers_version: str | None,
    source: Path | None,
    class_name: str | None,
    everything: bool,
    output: Path,
    force: bool,
    quiet: bool,
    style: str,
    jobs: int,
) -> None:
    """Generate the QEff modeling code of every NAME. (The word `generate` may be left out.)

    Each model is tried on its own: one that is refused is reported and writes nothing, the others are written.
    The exit code is that of the worst.
    """
    as_json = style == "json"
    quiet = quiet or as_json
    if bool(names) == everything:
        raise UsageError("Give the names of models, or --all for those that are generated already.")
    failures: list[Failure] = []
    if everything:
        entries = manifest.load(output).models
        failures = [Failure(name, _given_with_source(entry)) for name, entry in entries.items() if entry.causal_lm]
        if not entries:
            raise UsageError(
                f"{output.absolute()} holds no generated models, so there is nothing to generate again.\n"
                "Give the names of models, or another folder with --output."
            )
        names = tuple(name for name, entry in entries.items() if entry.causal_lm is None)
        if not quiet:
            say("generating", f"{len(names)} models of {output}, {jobs} at a time")
    names = tuple(dict.fromkeys(names))
    if source is not None and source.suffix == ".py" and len(names) > 1:
        raise UsageError(f"--source {source} is one modeling file, and {len(names)} names are given; give one.")
    found: dict[str, UpstreamModel] = {}
    for name in names:
        try:
            upstream = find_model(
                name, transformers_version=transformers_version, source=source, class_name=class_name
            )
        except QEffCodegenError as error:
            failures.append(Failure(name, error))
        else:
            found[upstream.name] = upstream
            if name.replace("-", "_") != upstream.name and not quiet:
                click.echo(f"{name}: its causal LM, {upstream.causal_lm}, is generated as `{upstream.name}`")
    models, refused = _generated(list(found.values()), jobs)
    reports, unwritten = _write(models, output, force)
    written = [model for model in models if model.name not in {failure.name for failure in unwritten}]
    if not quiet:
        _say_what_was_done(models, written, reports, output, everything)
    failures += refused + unwritten
    if as_json:
        show_json(_as_json(written, reports, failures))
    _report(failures)
    for failure in failures:
        # A family without a causal LM has no source to inspect.
        if isinstance(failure.error, Refusal) and failure.name in found and not quiet:
            options = shlex.join(found[failure.name].options)
            click.echo(f"next       python -m qeff_codegen inspect {failure.name} --all {options}".rstrip(), err=True)
    context.exit(max((failure.error.exit_code for failure in failures), default=EXIT_DONE))


def _say_what_was_done(
    models: Sequence[GeneratedModel],
    written: Sequence[GeneratedModel],
    reports: Sequence[WriteReport],
    output: Path,
    everything: bool,
) -> None:
    """An account of every model, where something has changed, and the command that follows."""
    if reports and not any(report.written or report.dropped for report in reports):
        count = len({path for report in reports for path in report.unchanged})
        about = f"all {len(models)} models" if everything else ", ".join(model.name for model in written)
        click.echo(f"unchanged  {about}: {count} files are as they would be written")
    elif everything:
        _summarise(models, reports)
    else:
        for model in models:
            _show(model)
        _list(reports)
    for command in _next(written, everything):
        folder = "" if output == DEFAULT_OUTPUT else f" --generated {shlex.quote(str(output))}"
        click.echo(f"next       python -m qeff_codegen validate {command}{folder}")


def _as_json(
    written: Sequence[GeneratedModel], reports: Sequence[WriteReport], failures: Sequence[Failure]
) -> dict[str, Any]:
    """The document that docs/json.md describes."""

    def paths(of: Callable[[WriteReport], Iterable[object]]) -> list[str]:
        return sorted({str(item) for report in reports for item in of(report)})

    return {
        "models": [
            {"name": model.name, "rules": {rule: count for rule, count in model.rules if count}} for model in written
        ],
        "written": paths(lambda report: report.written),
        "unchanged": paths(lambda report: report.unchanged),
        "dropped": paths(lambda report: report.dropped),
        "failures": [
            {"name": failure.name, "exit_code": failure.error.exit_code, "message": str(failure.error)}
            for failure in failures
        ],
    }


def _given_with_source(entry: manifest.ManifestEntry) -> UsageError:
    return UsageError(
        f"it was generated from {entry.upstream_path}, which was given with --source, and where that stands is not "
        "recorded: run the command at the top of its file."
    )


def _next(written: Sequence[GeneratedModel], everything: bool) -> Iterator[str]:
    """What follows `validate`: all models that transformers has in one command, each other in one of its own."""
    known = [model.name for model in written if manifest.causal_lm_of(model) is None]
    if known:
        yield "NAME..." if everything else " ".join(known)
    for model in written:
        if model.name not in known:
            yield f"{model.name} {shlex.join(model.upstream.options)} --trust-remote-code"


def _generated(upstreams: Sequence[UpstreamModel], jobs: int) -> tuple[list[GeneratedModel], list[Failure]]:
    if not upstreams:
        return [], []
    # The engine brings black and every rule along, which --help and a misspelled name do not need.
    from qeff_codegen.generate.many_models import generate_models

    models: list[GeneratedModel] = []
    failures: list[Failure] = []
    results = counted(generate_models(upstreams, jobs), len(upstreams), "Generating")
    for upstream, result in zip(upstreams, results, strict=True):
        if isinstance(result, Refusal):
            failures.append(Failure(upstream.name, result))
        else:
            models.append(result)
    return models, failures


def _show(model: GeneratedModel) -> None:
    from qeff_codegen.generate.one_model import rule_summaries

    release = f" (transformers {model.upstream.version})" if model.upstream.version else ""
    roles = [(role.role, role.name, _line(model.upstream, role.line)) for role in model.roles]
    show_table(f"{model.name}: recognised in {model.upstream.display_path}{release}", ("role", "name", "line"), roles)
    whys = rule_summaries()
    rules = [(rule, str(count), whys[rule]) for rule, count in model.rules if count]
    show_table(f"{model.name}: rules that changed it", ("rule", "places", "why"), rules)


def _line(upstream: UpstreamModel, line: int) -> str:
    """A line of the text, with the file that it comes from where that is another than the model's own."""
    path, number = upstream.place(line)
    return str(number) if path == upstream.display_path else f"{path}:{number}"


def _write(models: Sequence[GeneratedModel], output: Path, force: bool) -> tuple[list[WriteReport], list[Failure]]:
    """Write all models; if that fails because of one of them, write the others. Gives those that were not written."""
    from qeff_codegen.emit.write import write_models
    from qeff_codegen.engine.rules_hash import rules_sha256

    if not models:
        return [], []
    try:
        return [write_models(models, output, force=force, rules_sha256=rules_sha256())], []
    except QEffCodegenError as error:
        if len(models) == 1 or not isinstance(error, DifferencesError | Refusal):
            return [], [Failure(model.name, error) for model in models]
    each = [_write([model], output, force) for model in models]
    return [report for reports, _ in each for report in reports], [failure for _, found in each for failure in found]


def _list(reports: Sequence[WriteReport]) -> None:
    """Every file that was written or needed no writing."""
    for report in reports:
        for path in report.written:
            click.echo(f"written    {path}")
        for path in report.unchanged:
            click.echo(f"unchanged  {path}")
        for name in report.dropped:
            click.echo(f"dropped    {name}: its modeling file is gone, so its entries in the mapping file went too")


def _summarise(models: Sequence[GeneratedModel], reports: Sequence[WriteReport]) -> None:
    """One line a model, where code has changed, and the files that have."""
    written = {path.name for report in reports for path in report.written}
    # What is recorded of them is no change of a model.
    for model in models if written - {layout.MANIFEST} else ():
        fired = sum(count > 0 for _, count in model.rules)
        click.echo(f"generated  {model.name}: {fired} rules changed {sum(count for _, count in model.rules)} places")
    _list([replace(report, unchanged=()) for report in reports])
    click.echo(f"unchanged  {len({path for report in reports for path in report.unchanged})} files")


def _report(failures: Sequence[Failure]) -> None:
    """Print every message once, with the names it is about before it."""
    about: dict[str, list[str]] = {}
    for failure in failures:
        about.setdefault(str(failure.error), []).append(failure.name)
    for message, names in about.items():
        click.echo(f"{', '.join(names)}: {message}", err=True)
