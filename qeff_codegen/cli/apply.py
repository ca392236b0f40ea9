"""`apply`: from model names to a change in a checkout of QEfficient, and the text of its pull request."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qeff_codegen.cli.family_names import upstream_families
from qeff_codegen.errors import EXIT_DONE, DifferencesError, QEffCodegenError, UsageError

if TYPE_CHECKING:
    from qeff_codegen.checkout.checkout import Checkout
    from qeff_codegen.checkout.family_change import FamilyChange, Pending
    from qeff_codegen.validation.results import ScenarioResult

# What `generate` chooses a source with; here it is the release that the checkout pins.
SOURCE_OPTIONS = ("--transformers", "--source")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=upstream_families)
@click.option(
    "--checkout",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="A checkout of quic/efficient-transformers.",
)
@click.option("--dry-run", is_flag=True, help="Show the change as a diff, and write nothing.")
@click.option("--replace", is_flag=True, help="Overwrite what was edited, or written, by hand.")
@click.option(
    "--pull-request",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the text of the pull request.  [default: pull_request_NAME.md]",
)
@click.pass_context
def apply(
    context: click.Context, names: tuple[str, ...], path: Path, dry_run: bool, replace: bool, pull_request: Path | None
) -> None:
    """Bring every NAME into a checkout of QEfficient, generated from the transformers release that it pins.

    Each model is tried on its own: one that is refused is reported and changes nothing, the others are written.
    The exit code is that of the worst.
    """
    from qeff_codegen.checkout.checkout import open_checkout
    from qeff_codegen.checkout.family_change import Pending

    names = tuple(dict.fromkeys(names))
    if pull_request is not None and len(names) > 1:
        raise UsageError(f"--pull-request names one file, and {len(names)} models are given; give one.")
    checkout = open_checkout(path)
    pending = Pending(checkout)
    applied: dict[str, FamilyChange] = {}
    failures: list[tuple[str, QEffCodegenError]] = []
    texts: dict[Path, str] = {}
    for name in names:
        try:
            change = _change(name, pending, replace)
            text_path = pull_request or Path(f"pull_request_{change.model.name}.md")
            texts[text_path] = _pull_request(change, checkout, text_path, replace)
        except QEffCodegenError as error:
            failures.append((name, error))
        else:
            pending.texts.update(change.texts)
            applied[change.model.name] = change
            for notice in change.notices:
                click.echo(f"look at    {notice}", err=True)
    if dry_run:
        _show(pending, texts)
    else:
        _write(pending, texts)
        if applied:
            where = shlex.quote(str(path))
            click.echo(f"next       python -m qeff_codegen validate {' '.join(applied)} --checkout {where}")
    for name, failure in failures:
        click.echo(f"{name}: {failure}", err=True)
    context.exit(max((failure.exit_code for _, failure in failures), default=EXIT_DONE))


def _change(name: str, pending: Pending, replace: bool) -> FamilyChange:
    from qeff_codegen.checkout.family_change import family_change
    from qeff_codegen.checkout.states_in_export import refuse_states
    from qeff_codegen.generate.one_model import generate_model
    from qeff_codegen.targets.qefficient import QEFFICIENT
    from qeff_codegen.upstream.find import find_model

    try:
        upstream = find_model(name, transformers_version=pending.checkout.transformers)
    except UsageError as error:
        raise _in_terms_of_checkout(error, pending.checkout) from error
    if upstream.version is None:
        raise UsageError(
            f"`{name}` is this tool's example and no family of transformers, which a checkout could load.\n"
            "Give the name of a family, such as one that `python -m qeff_codegen compat NAME` finds."
        )
    if name.replace("-", "_") != upstream.name:
        click.echo(f"{name}: its class, {upstream.loaded_class}, is generated as `{upstream.name}`", err=True)
    if upstream.image_text is None:
        refuse_states(pending.checkout, upstream)
    return family_change(pending, generate_model(upstream, QEFFICIENT), replace=replace)


def _in_terms_of_checkout(error: UsageError, checkout: Checkout) -> UsageError:
    """A model that is not found, without the options that other commands choose a source with."""
    from qeff_codegen.checkout.checkout import PROJECT

    said = str(error).splitlines()
    left = [line for line in said if not any(option in line for option in SOURCE_OPTIONS)]
    if left == said:
        return error
    next_step = (
        f"{checkout.root / PROJECT} pins transformers {checkout.transformers}: give the name of a family that it has, "
        "or change the pin."
    )
    return UsageError("\n".join([*left, next_step]))


def _pull_request(change: FamilyChange, checkout: Checkout, path: Path, replace: bool) -> str:
    """The text of a pull request, unless one that somebody edited stands in its place."""
    from qeff_codegen.checkout.pull_request import is_as_written, pull_request_text

    text = pull_request_text(change, _results(change, checkout), checkout.transformers)
    found = _text(path)
    if found not in (None, text) and not replace and not is_as_written(found or ""):
        raise DifferencesError(
            f"{path} was edited by hand, or is another file; it is left as it is, and nothing is written.\n"
            "Move it away, name another with --pull-request, or give --replace to overwrite it."
        )
    return text


def _results(change: FamilyChange, checkout: Checkout) -> tuple[ScenarioResult, ...]:
    """What `validate --checkout` found, if it ran just this code."""
    from qeff_codegen.checkout.kept_results import load_results

    code = {path: text for path, text in change.texts.items() if path.suffix == ".py"}
    if any(checkout.read(path) != text for path, text in code.items()):
        return ()
    return load_results(checkout.root, change.model.name)


def _text(path: Path) -> str | None:
    """The text of a pull request; None when there is none yet."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.\nName another file with --pull-request.") from error


def _show(pending: Pending, texts: dict[Path, str]) -> None:
    from qeff_codegen.checkout.write import as_diff

    changes = [(path, pending.checkout.read(path), text) for path, text in pending.changed.items()]
    changes += [(path, before, text) for path, text in texts.items() if (before := _text(path)) != text]
    for line in as_diff(changes):
        click.echo(line)


def _write(pending: Pending, texts: dict[Path, str]) -> None:
    from qeff_codegen.checkout.write import write_all

    root = pending.checkout.root
    every = {root / path: text for path, text in pending.texts.items()} | texts
    changed = {root / path: text for path, text in pending.changed.items()}
    changed |= {path: text for path, text in texts.items() if _text(path) != text}
    write_all(changed)
    for path in every:
        click.echo(f"{'written  ' if path in changed else 'unchanged'}  {path}")
