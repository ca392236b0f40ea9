"""Find the rules: every file of the stages, in the order of the stages."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TypeVar

from qeff_codegen.engine.rule import Check, Rule
from qeff_codegen.targets.target import Target

_Kind = TypeVar("_Kind", Rule, Check)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules that change code: those of `normalize`, then those of `rewrite`, stage by stage, each by file name."""
    return (*_instances("normalize", Rule), *_instances("rewrite", Rule))


def rules_for(target: Target) -> tuple[Rule, ...]:
    """The rules that run for `target`."""
    return tuple(rule for rule in rules() if rule.runs_for(target))


@cache
def checks() -> tuple[Check, ...]:
    """All checks of `verify`, by file name."""
    return tuple(sorted(_instances("verify", Check), key=lambda check: check.id))


def stage_of(rule: Rule | Check) -> str:
    """The stage that a rule or a check belongs to, as `normalize/masks`."""
    return "/".join(type(rule).__module__.split(".")[1:3])


def _instances(folder: str, kind: type[_Kind]) -> tuple[_Kind, ...]:
    found: list[_Kind] = []
    for stage in importlib.import_module("rewrite_rules").STAGES[folder]:
        package = importlib.import_module(f"rewrite_rules.{folder}.{stage}")
        for path in sorted(Path(package.__path__[0]).glob("[a-z]*.py")):
            module = importlib.import_module(f"{package.__name__}.{path.stem}")
            found.extend(
                value()
                for value in vars(module).values()
                if isinstance(value, type) and issubclass(value, kind) and value.__module__ == module.__name__
            )
    return tuple(found)
