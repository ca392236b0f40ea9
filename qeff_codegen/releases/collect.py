"""Write the table of families anew: `python -m qeff_codegen.releases.collect`.

Asks pip which versions there are, fetches the wheels that the cache folder lacks (about 11 MB each), and reads their
auto tables as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from qeff_codegen.errors import UsageError
from qeff_codegen.files.whole_file import write_whole
from qeff_codegen.messages import MessageCommand
from qeff_codegen.releases.table import FILE_NAME, Release, render
from qeff_codegen.releases.versions import last_patches, published_versions
from qeff_codegen.upstream.transformers_text import TransformersText, transformers_in_wheel
from qeff_codegen.upstream.wheel import transformers_wheel

FIRST = "4.40.0"


def read_release(tree: TransformersText, version: str) -> Release:
    """What the auto tables of one tree know.

    Raises:
        UsageError: the tables cannot be read.
    """
    tables = tree.tables
    return Release(version, tables.causal_lm, frozenset(tables.configurations.keys() - tables.causal_lm.keys()))


def collect(versions: Iterable[str]) -> list[Release]:
    """Read every one of `versions` from its wheel."""
    return [read_release(transformers_in_wheel(transformers_wheel(version)), version) for version in versions]


@click.command(cls=MessageCommand)
def main() -> None:
    """Collect the families of every minor release of transformers into the table of this package.

    Of each minor release the last patch counts. Nothing is installed, and nothing of transformers is run.
    """
    path = Path(__file__).with_name(FILE_NAME)
    releases = collect(last_patches(published_versions(), FIRST))
    try:
        write_whole(path, render(releases))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.\nRun this in a checkout.") from error
    last = releases[-1]
    click.echo(f"{path}: {len(releases)} releases up to {last.version}, which has {len(last.causal_lm)} causal LMs")


if __name__ == "__main__":
    main()
