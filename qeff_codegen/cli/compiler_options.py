"""`--compiler-option NAME[=VALUE]`: what only qaic-compile knows."""

from __future__ import annotations

from collections.abc import Container, Sequence

from qeff_codegen.errors import UsageError


def further_options(words: Sequence[str], taken: Container[str]) -> dict[str, int | str | bool]:
    """Options by name in snake case: a number or a text, or True where only a name is given.

    Args:
        words: as the user gave them, such as `allow-mxint8-mdp-io` or `mos=1`.
        taken: options that this command has itself.

    Raises:
        UsageError: an option is given twice, or in another form.
    """
    options: dict[str, int | str | bool] = {}
    for word in words:
        if word.startswith("-"):
            raise UsageError(f"--compiler-option {word}: give the option's name without a dash before it.")
        name, has_value, value = word.partition("=")
        name = name.replace("-", "_")
        if name in taken:
            raise UsageError(f"--compiler-option {word}: give --{name.replace('_', '-')} itself.")
        if name in options:
            raise UsageError(f"--compiler-option {name.replace('_', '-')} is given twice. Leave one of them out.")
        if has_value and not value:
            raise UsageError(f"--compiler-option {word} has no value behind `=`. Give one, or leave out the `=`.")
        options[name] = (int(value) if value.isdecimal() else value) if has_value else True
    return options
