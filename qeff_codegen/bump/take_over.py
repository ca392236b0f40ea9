"""Take a release over: the models, the mapping, the manifest and the pin change together, or nothing does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qeff_codegen.bump.comparison import Bump
from qeff_codegen.bump.decisions import Decisions, kept_models, undecided
from qeff_codegen.bump.pin import moved_pin
from qeff_codegen.emit.write import WriteReport, write_models
from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import DifferencesError
from qeff_codegen.generated_model import GeneratedModel


def take_over(
    bump: Bump, decisions: Decisions, added: Sequence[GeneratedModel], generated: Path, pyproject: Path
) -> WriteReport:
    """Write every model as the new release has it, remove those that were given up, and move the pin.

    Args:
        added: models that were not checked in.
        generated: the folder of the checked-in models.
        pyproject: the file that pins the release.

    Raises:
        DifferencesError: something is undecided.
        UsageError: there is no pin to move, or a file cannot be written.
        Refusal: two models cannot share one mapping file.
    """
    pinned = check_ready(bump, decisions, pyproject)
    models = [*kept_models(bump), *added]
    before = {item.before.name for item in bump.comparisons if item.before}
    return write_models(
        models,
        generated,
        force=False,
        rules_sha256=rules_sha256(),
        dropped=sorted(before - {model.name for model in models}),
        beside={pyproject: pinned},
    )


def check_ready(bump: Bump, decisions: Decisions, pyproject: Path) -> str:
    """Whether a release can be taken over, as far as is known; gives the text of `pyproject` with the pin moved.

    Raises:
        DifferencesError: something is undecided.
        UsageError: there is no pin to move.
    """
    questions = undecided(bump, decisions)
    if questions:
        raise DifferencesError(
            f"Nothing is written. Before transformers {bump.version} is taken over, these must be settled:\n"
            + "".join(f"  {line}\n" for line in questions)
            + "Mend the rules, or give up with --drop NAME what is refused or gone. "
            "Without --write, --report FILE shows every diff."
        )
    return moved_pin(pyproject, bump.version)
