"""The module is Python whose every name is defined, laid out as black lays it out, in plain characters.

Names are checked with the compiler's own symbol tables: what a function reads and does not bind must be imported or
defined by the module.
"""

from __future__ import annotations

from qeff_codegen.emit.formatting import formatted
from qeff_codegen.emit.imports import global_names
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check


class ModuleCompiles(Check):
    promise = "Every name resolves, the module compiles, black would change nothing, and no character is decoration."

    def broken(self, module: FinishedModule) -> list[Broken]:
        compile(module.code, module.anatomy.file.upstream.display_path, "exec")
        unknown = global_names(module.code) - set(module.imports) - module.defined
        found = [Broken(f"the name `{name}` is used and never defined") for name in sorted(unknown)]
        if formatted(module.code) != module.code:
            found.append(Broken("black would change the generated file"))
        odd = sorted({character for character in module.code if _is_decoration(character)})
        if odd:
            found.append(Broken(f"the generated file holds the decoration {odd[0]!r}"))
        return found


def _is_decoration(character: str) -> bool:
    """Box drawing, dingbats and emoji, which reviewers of generated files do not want to see."""
    code = ord(character)
    return 0x2500 <= code <= 0x27BF or code >= 0x1F000
