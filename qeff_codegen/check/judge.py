"""From what is in doubt about a model and what generating it again gave, to findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from qeff_codegen.check.doubts import Doubt
from qeff_codegen.check.finding import Cause, Effect, Finding, Remedy
from qeff_codegen.check.on_disk import LABELS, read, text_of
from qeff_codegen.check.regenerate import Outcome
from qeff_codegen.checked_in import layout
from qeff_codegen.checked_in.manifest import ManifestEntry, entry_for, is_as_written, laid_out
from qeff_codegen.errors import Refusal
from qeff_codegen.files.differences import differences
from qeff_codegen.generated_model import GeneratedModel


@dataclass(frozen=True)
class Judged:
    """A model that was generated again, or could not be.

    Attributes:
        entry: the record that it would have now, where there is one.
    """

    findings: tuple[Finding, ...]
    entry: ManifestEntry | None


def judge(
    folder: Path, name: str, entry: ManifestEntry, doubts: tuple[Doubt, ...], outcome: Outcome, rules_sha256: str
) -> Judged:
    """What the doubts about the model `name` come to, now that it was generated again."""
    fresh = entry_for(outcome, rules_sha256) if isinstance(outcome, GeneratedModel) else None
    return Judged(tuple(_Model(folder, name, entry, outcome, fresh).findings(doubts)), fresh)


@dataclass(frozen=True)
class _Model:
    folder: Path
    name: str
    entry: ManifestEntry
    outcome: Outcome
    fresh: ManifestEntry | None

    def findings(self, doubts: tuple[Doubt, ...]) -> Iterator[Finding]:
        """One for each doubt; the first about the modeling file has its diff."""
        path = layout.modeling_path(self.folder, self.name)
        manifest = self.folder / layout.MANIFEST
        content = read(path)
        effect, diff = self._effect(content)
        for doubt in doubts:
            if doubt.path == manifest:
                yield self._record(doubt, effect)
            elif doubt.cause is Cause.EDITED and effect is Effect.EQUAL:
                message = f"its generated_sha256 is not that of {path.name}, which holds what generating gives"
                yield Finding(Cause.EDITED, self.name, manifest, message, Remedy.GENERATE, effect=effect)
            else:
                remedy = Remedy.OVERWRITE if doubt.cause is Cause.EDITED else Remedy.GENERATE
                message = f"{doubt.message}{self._reason()}"
                yield Finding(
                    doubt.cause,
                    self.name,
                    path,
                    message,
                    remedy,
                    _first_line(diff),
                    effect=effect,
                    diff=diff,
                    alike=self._alike,
                )
                diff = ()
        if not is_as_written(self.name, self.entry) and effect is Effect.DIFFERENT and content is not None:
            # The record cannot say whether the file was edited.
            recorded = sha256(content).hexdigest() == self.entry.generated_sha256
            cause = Cause.RULES if recorded and self.entry.entry_sha256 is None else Cause.EDITED
            message = "is not what generating gives"
            yield Finding(
                cause, self.name, path, message, Remedy.OVERWRITE, _first_line(diff), effect=effect, diff=diff
            )

    def _effect(self, content: bytes | None) -> tuple[Effect, tuple[str, ...]]:
        if isinstance(self.outcome, Refusal):
            return Effect.REFUSED, ()
        if not isinstance(self.outcome, GeneratedModel):
            return Effect.UNKNOWN, ()
        if content is None:
            return Effect.DIFFERENT, ()
        if content == self.outcome.code.encode():
            return Effect.EQUAL, ()
        return Effect.DIFFERENT, tuple(differences(text_of(content), self.outcome.code, LABELS, context=3))

    @property
    def _alike(self) -> str:
        return f"{self.outcome.rule}: {self.outcome.expected}" if isinstance(self.outcome, Refusal) else ""

    def _reason(self) -> str:
        if isinstance(self.outcome, Refusal):
            return f"; generating it now is\n{self.outcome}"
        if not isinstance(self.outcome, GeneratedModel):
            return f"; it was not generated again: {self.outcome.why}"
        return ""

    def _record(self, doubt: Doubt, effect: Effect) -> Finding:
        """The model's entry in the manifest; one that was edited with its place, and what it would be."""
        line: int | None = None
        diff: tuple[str, ...] = ()
        if doubt.cause is Cause.EDITED:
            line = _line_of(f'    "{self.name}": {{', text_of(read(doubt.path) or b""))
            if self.fresh is not None:
                texts = laid_out(asdict(self.entry)), laid_out(asdict(self.fresh))
                diff = tuple(differences(*texts, LABELS, context=0))
        message = f"{doubt.message}{self._reason()}"
        return Finding(doubt.cause, self.name, doubt.path, message, Remedy.GENERATE, line, effect, diff)


def _line_of(text: str, lines: str) -> int | None:
    return next((number for number, line in enumerate(lines.split("\n"), 1) if line == text), None)


def _first_line(diff: tuple[str, ...]) -> int | None:
    """The first line on disk that a diff changes."""
    number = 0
    for line in diff[2:]:
        if line.startswith("@@"):
            number = int(line.split()[1].removeprefix("-").split(",")[0])
        elif line.startswith(" "):
            number += 1
        else:
            return max(number, 1)
    return None
