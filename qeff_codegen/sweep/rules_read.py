"""Imported by the server that a sweep's processes are forked from, and by nothing else: they find all rules read."""

from __future__ import annotations

from qeff_codegen.engine import rule_set
from qeff_codegen.engine.rule_files import code_hash, rule_texts

rule_set.rules()
rule_set.checks()
for _path in rule_texts():
    code_hash(_path)
