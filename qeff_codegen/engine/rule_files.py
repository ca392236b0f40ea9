"""What rules are made of: hashes of their files, which files import which, and what rules choose functions by."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from qeff_codegen.engine import rule_set
from qeff_codegen.engine.rule import Rule
from qeff_codegen.engine.rules_hash import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
RULES = "rewrite_rules"
_LENGTH = 16


@cache
def file_hashes() -> dict[str, str]:
    """The hash of every file of rules, and of every other folder that decides what is generated as a whole."""
    hashes = {path: _short(text.encode()) for path, text in rule_texts().items()}
    for folder in FOLDERS:
        if folder != RULES:
            files = sorted((ROOT / folder).rglob("*.py"))
            hashes[folder] = _short(b"".join(path.name.encode() + path.read_bytes() for path in files))
    return hashes


@cache
def code_hash(path: str) -> str:
    """The hash of what a file of rules does: its syntax, which comments and layout are no part of."""
    return _short(ast.dump(ast.parse(rule_texts()[path])).encode())


@cache
def rule_texts() -> dict[str, str]:
    """The text of every file of rules, by its path."""
    files = sorted((ROOT / RULES).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files}


def importers(changed: set[str]) -> set[str]:
    """The files of rules that import one of `changed`, or one that does, with these themselves."""
    found = set(changed)
    while True:
        modules = [path.removesuffix(".py").replace("/", ".") for path in found]
        more = {path for path, text in rule_texts().items() if any(_imports(text, module) for module in modules)}
        if more <= found:
            return found
        found |= more


def selections() -> Mapping[str, tuple[str, str]]:
    """For every rule that looks at functions one by one: its id, its file, and the hash of what it chooses them by.

    A rule that goes through a model in a way of its own is none of them.
    """
    return {
        rule.id: (type(rule).__module__.replace(".", "/") + ".py", _short(rule.chooses_by.encode()))
        for rule in rule_set.rules()
        if _looks_one_by_one(rule)
    }


def _looks_one_by_one(rule: Rule) -> bool:
    kind = type(rule)
    own = (kind.apply, kind.runs_for) == (Rule.apply, Rule.runs_for)
    return own and kind.applies_to.__module__.startswith("qeff_codegen.engine.")


def _imports(text: str, module: str) -> bool:
    package, _, name = module.rpartition(".")
    return module in text or f"from {package} import" in text and name in text


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_LENGTH]
