"""A report as text to read, as annotations for GitHub, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from qeff_codegen.check.finding import Finding, Report

# So many models are named in a line that is about many.
NAMED = 3
# So many lines of a diff stand in an annotation, beside the line it is about.
ANNOTATED = 20
JSON_FORMAT = 1


def as_text(report: Report) -> str:
    """Findings with their diffs, then the sum of it and the command that mends it."""
    return "\n".join([*_findings(report), *_closing(report)])


def as_github(report: Report) -> str:
    """Workflow commands, which GitHub shows beside the lines they name, then the closing lines of the text."""
    commands = [
        _command("error", sentence(models, item), item.cause.value, item) for models, item in _grouped(report.findings)
    ]
    commands += [_command("notice", note, "check", None) for note in report.notes]
    return "\n".join([*commands, *_closing(report)])


def as_json(report: Report) -> str:
    """All of the report; docs/check.md says what stands where."""
    document = {
        "format": JSON_FORMAT,
        "generated": report.folder.as_posix(),
        "current": not report.findings,
        "checked": list(report.checked),
        "findings": [
            {
                "cause": item.cause.value,
                "effect": item.effect.value if item.effect else None,
                "model": item.model,
                "path": item.path.as_posix(),
                "line": item.line,
                "message": item.message,
                "diff": list(item.diff),
            }
            for item in report.findings
        ],
        "not_compared": report.not_compared,
        "notes": list(report.notes),
        "mend": report.mend or None,
    }
    return json.dumps(document, indent=2)


FORMATS: dict[str, Callable[[Report], str]] = {"text": as_text, "github": as_github, "json": as_json}


def sentence(models: tuple[str, ...], item: Finding) -> str:
    """A finding as one sentence, with the models it is about before it."""
    about = f"{_named(models)}: " if models else ""
    path = str(item.path) if len(models) < 2 else _pattern(item)
    where = f"{path}{f':{item.line}' if item.line else ''}"
    effect = f" ({item.effect.value})" if item.effect else ""
    return f"{about}{item.cause.value}{effect}: {where} {item.message}"


def _findings(report: Report) -> Iterator[str]:
    for models, item in _grouped(report.findings):
        if item.alike and len(models) > 1:
            # Each has a place of its own; that of the first stands for all.
            yield sentence(models[:1], item)
            yield f"  likewise {', '.join(models[1:])}: {len(models)} models in all"
        else:
            yield sentence(models, item)
        yield from item.diff


def _grouped(findings: tuple[Finding, ...]) -> Iterator[tuple[tuple[str, ...], Finding]]:
    """Findings that differ in the model alone, together, where the first of them stands."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for item in findings:
        alike = item.model is not None and not item.diff and item.line is None
        key = (item.cause, item.effect, item.alike or item.message, _pattern(item)) if alike else (item,)
        groups.setdefault(key, []).append(item)
    for group in groups.values():
        yield tuple(item.model for item in group if item.model is not None), group[0]


def _pattern(item: Finding) -> str:
    """The path with NAME in the place of its model."""
    path, model = item.path, item.model
    if model is None or path.parent.name != model:
        return str(path)
    return str(path.parent.parent / "NAME" / path.name.replace(model, "NAME"))


def _closing(report: Report) -> Iterator[str]:
    total = len(report.checked)
    counted = f"{total} model{'' if total == 1 else 's'}"
    if report.findings:
        causes = Counter(item.cause.value for item in report.findings)
        yield f"not current   {', '.join(f'{count} {cause}' for cause, count in causes.items())}; {counted} checked"
    else:
        yield f"current       {counted}, with mapping entries and manifest"
    reasons: dict[str, list[str]] = {}
    for name, why in report.not_compared.items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield f"not compared  upstream of {_named(tuple(names))}: {why}"
    for note in report.notes:
        yield f"note          {note}"
    if report.mend:
        yield f"mend          {report.mend}"


def _named(models: tuple[str, ...]) -> str:
    if len(models) <= NAMED + 1:
        return ", ".join(models)
    return f"{', '.join(models[:NAMED])} and {len(models) - NAMED} more"


def _command(kind: str, text: str, title: str, item: Finding | None) -> str:
    """One workflow command: data and properties are escaped as GitHub's own toolkit does."""
    properties = {"title": title}
    if item is not None:
        properties = {"file": _relative(item.path), **({"line": str(item.line)} if item.line else {}), **properties}
        text = "\n".join([text, *item.diff[:ANNOTATED]])
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _relative(path: Path) -> str:
    """The path from here, which is what GitHub takes for the repository's root."""
    absolute, here = path.absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else path).as_posix()
