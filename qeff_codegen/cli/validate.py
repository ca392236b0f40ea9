"""`validate`: prove generated models against upstream, stage by stage."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from qeff_codegen.checked_in.generated_code import check_generated, is_edited
from qeff_codegen.checked_in.layout import INSTALLED, modeling_path
from qeff_codegen.checked_in.manifest import package_of
from qeff_codegen.cli.family_names import generated_families
from qeff_codegen.cli.formats import json_option, show_json
from qeff_codegen.cli.progress import say
from qeff_codegen.cli.remote_options import remote_of, remote_options
from qeff_codegen.cli.run_packages import run_packages
from qeff_codegen.coverage.known import known
from qeff_codegen.deploy.packaged_weights import PACKAGED, check_weights
from qeff_codegen.errors import EXIT_DIFFERENCES, EXIT_DONE, UsageError
from qeff_codegen.remote_code.given import Remote
from qeff_codegen.remote_code.load import check_trusted, load_remote_classes
from qeff_codegen.remote_code.source import find_remote_source
from qeff_codegen.stopping import stops_within_a_second
from qeff_codegen.validation.results import Outcome

GENERATED = Path("generated")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=generated_families)
@click.option(
    "--weights",
    type=click.Choice(["smollm2"]),
    help="Also run real prompts through real weights: SmolLM2-135M-Instruct, a llama (about 90 MB, downloaded once).",
)
@click.option("-v", "--verbose", is_flag=True, help="Also show all that was measured in each scenario.")
@json_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--generated",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder the models were generated into.  [default: generated, or the one that comes with this tool]",
)
@remote_options
@click.option(
    "--checkout",
    type=click.Path(file_okay=False, path_type=Path),
    help="Run what serves NAME in this checkout of QEfficient instead, on QEfficient's own runtime.",
)
@click.option(
    "--checkout-python",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The interpreter for it.  [default: $QEFFICIENT_PYTHON, or that of .venv, venv or qeff_env in the checkout]",
)
@click.pass_context
def validate(
    context: click.Context,
    names: tuple[str, ...],
    weights: str | None,
    verbose: bool,
    style: str,
    as_json: bool,
    generated: Path | None,
    remote_source: Path | None,
    class_name: str | None,
    trust_remote_code: bool,
    checkout: Path | None,
    checkout_python: Path | None,
) -> None:
    """Run NAME's tiny models on Hugging Face, QEff on PyTorch and ONNX Runtime, and compare every step.

    Exit code 0: Stages 1 to 3 are equal. 1: they are not. 2: validation cannot start.
    """
    # Progress goes to standard error when standard output is a JSON document.
    as_json = as_json or style == "json"
    console = Console(stderr=as_json)
    remote = remote_of(remote_source, class_name, trust_remote_code)
    if checkout is None:
        folder = generated or (GENERATED if GENERATED.is_dir() else INSTALLED)
        outcome = _generated_code(names, weights, folder, checkout_python, console, remote, verbose)
    elif remote is not None:
        raise UsageError("--checkout runs what serves NAME there, and --source a model of its own: give one of them.")
    else:
        outcome = _checkout(names, weights, checkout, checkout_python, console, verbose)
    if as_json:
        show_json(outcome.as_json())
    context.exit(EXIT_DONE if outcome.passed else EXIT_DIFFERENCES)


@stops_within_a_second()
def _generated_code(
    names: tuple[str, ...],
    weights: str | None,
    generated: Path,
    checkout_python: Path | None,
    console: Console,
    remote: Remote | None,
    verbose: bool,
) -> Outcome:
    if checkout_python is not None:
        raise UsageError("--checkout-python is the interpreter for --checkout PATH, which is not given.")
    # Names first: what follows takes seconds to import.
    chosen = PACKAGED[weights] if weights else None
    check_weights(chosen, names)
    source = None
    if remote is None:
        for name in names:
            _check_name(name, generated)
    elif len(names) > 1:
        raise UsageError(f"--source {remote.source} is of one model, and {len(names)} names are given; give one.")
    else:
        source = find_remote_source(names[0], remote.source, remote.class_name, generated)
        check_trusted(source, remote.trusted)
    say("loading", "PyTorch, transformers and ONNX Runtime")
    with run_packages("Validation"):
        from qeff_codegen.validation.record import RECORDS, keep_records
        from qeff_codegen.validation.run import validate_models
    if remote is None or source is None:
        upstream, classes = None, None
    else:
        upstream, classes = source.upstream, load_remote_classes(source, remote.trusted)
    outcome = validate_models(names, chosen, generated, console, classes, verbose)
    try:
        keep_records(outcome.results, generated, RECORDS, upstream)
    except OSError as error:
        _say_not_kept("review", error)
    for name in dict.fromkeys(names):
        if is_edited(name, generated):
            path = modeling_path(generated, package_of(name, generated))
            _say(console, f"edited     {path} is not what was generated: this is about the file as it is")
    options = () if upstream is None else upstream.options
    _say(console, f"next       {_next(names, generated, options, outcome.passed)}")
    return outcome


def _check_name(name: str, generated: Path) -> None:
    """See that `name` is generated, or say that it is refused rather than send people into the refusal."""
    try:
        check_generated(name, generated)
    except UsageError:
        if name in PACKAGED:
            family = PACKAGED[name].model_type
            raise UsageError(
                f"`{name}` is no family: it is weights of `{family}`.\n"
                f"Run `python -m qeff_codegen validate {family} --weights {name}`."
            ) from None
        found = known(name)
        if found is None or not found.is_refused:
            raise
        raise UsageError(
            f"`{name}` is refused, so there is nothing to validate: {found.why}\n"
            f"That is what the last sweep of transformers {found.transformers} found. "
            f"`python -m qeff_codegen inspect {name} --all` says what is in the way today."
        ) from None


def _next(names: Sequence[str], generated: Path, options: Sequence[str], passed: bool) -> str:
    """The command that shows what was compared, and why each line of it differs from upstream's."""
    name = names[0] if len(set(names)) == 1 else "NAME"
    folder = () if generated in (GENERATED, INSTALLED) else ("--generated", str(generated))
    command = " ".join(["python -m qeff_codegen review", name, shlex.join((*options, *folder))]).rstrip()
    return command if passed else f"{command}   # which rule wrote the lines of the module that differs first"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _checkout(
    names: tuple[str, ...],
    weights: str | None,
    checkout: Path,
    checkout_python: Path | None,
    console: Console,
    verbose: bool,
) -> Outcome:
    from qeff_codegen.checkout.checkout import open_checkout
    from qeff_codegen.checkout.interpreter import checkout_python as found_python
    from qeff_codegen.checkout.kept_results import keep_results
    from qeff_codegen.checkout.validate import validate_in_checkout

    if weights is not None:
        raise UsageError("--weights run on this project's own runtime: give either --weights or --checkout.")
    opened = open_checkout(checkout)
    say("loading", f"{checkout} in an interpreter of its own")
    outcome = validate_in_checkout(names, opened, found_python(checkout, checkout_python), console, verbose)
    try:
        for name in dict.fromkeys(names):
            keep_results(checkout, name, [result for result in outcome.results if result.model == name])
    except OSError as error:
        _say_not_kept("apply", error)
    if outcome.passed:
        where = shlex.quote(str(checkout))
        _say(console, f"next       python -m qeff_codegen apply {' '.join(dict.fromkeys(names))} --checkout {where}")
    return outcome


def _say_not_kept(reader: str, error: OSError) -> None:
    click.echo(f"The results are not kept for `{reader}`: {error.filename}: {error.strerror}.", err=True)
