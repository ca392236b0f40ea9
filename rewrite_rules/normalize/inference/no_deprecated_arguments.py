"""Drop the warnings about arguments that upstream takes no longer, and finds among its keywords.

The generated forward takes positions, the cache and the batch index by name, so none of them is among the keywords,
and nobody is to be warned.
"""

from __future__ import annotations

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.roles import CALL_PATH
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.rule import Rule
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import pattern

GIVEN = pattern("""
if {$kwargs.pop($name, False) is not False, $name in $kwargs}:
    $...warned
""")
WARNS = pattern("{warnings.warn, logger.warning, logger.warning_once}(...)")


class NoDeprecatedArguments(Rule):
    why = "The arguments that upstream warns about are not given; positions, cache and batch index have parameters."
    roles = CALL_PATH
    names = ("warn", "warning", "warning_once")
    construct = "`if $kwargs.pop($name, False) is not False:` or `if $name in $kwargs:`, and a warning"

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        kwarg = code.tree.args.kwarg
        edits, count = Edits(code), 0
        for found in find_all(GIVEN, code) if kwarg is not None else ():
            warned = found.rest("warned")
            only_warns = bool(warned) and all(match(WARNS, item) is not None for item in warned)
            if kwarg is not None and found.name("kwargs") == kwarg.arg and only_warns:
                edits.remove(found.statements[0])
                count += 1
        return edits.done(), count
