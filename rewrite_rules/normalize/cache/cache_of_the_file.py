"""Keep states in the cache that every family has, where a file has a class of its own for them.

Such a class is upstream's growing cache with one more list: a tensor for each layer, read and replaced whole. That is
what recurrent states are elsewhere, by other names. A method that is not the known text would keep something else.
"""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.modeling_file import ModelingClass
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.tree import find
from qeff_codegen.engine.draft import Function
from qeff_codegen.engine.pattern_rule import make
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, match
from rewrite_rules.vocabulary import CACHE, pattern

GROWING = "DynamicCache"
MADE = pattern(f"""
if use_cache and {CACHE} is None:
    {CACHE} = $own()
elif use_cache and not isinstance({CACHE}, $own):
    raise $_
""")
MADE_INSTEAD = f"""
if use_cache and {CACHE} is None:
    {CACHE} = {GROWING}()
"""
READ = pattern(f"{CACHE}.get_linear_cache($layer)")
WRITTEN = pattern(f"{CACHE}.set_linear_cache($layer, $state)")
# What reading and writing are: a list with a place for every layer.
INIT = pattern("""
super().__init__()
self.linear_cache: $_ = []
""")
GET = pattern("""
if layer_idx < len(self):
    return self.linear_cache[layer_idx]
return None
""")
SET = pattern("""
for _ in range(len(self.linear_cache), layer_idx + 1):
    self.linear_cache.append([])
self.linear_cache[layer_idx] = linear_cache
""")
METHODS = {
    "__init__": (("self",), INIT),
    "get_linear_cache": (("self", "layer_idx"), GET),
    "set_linear_cache": (("self", "layer_idx", "linear_cache"), SET),
}
# What a decoder's forward never calls: beams, and taking tokens back.
UNUSED = {"__len__", "batch_repeat_interleave", "batch_select_indices", "crop"}


class CacheOfTheFile(Rule):
    why = "A state is kept as in every other family: read and written whole, by the layer's number."
    roles = (Role.MODEL, Role.STATE_MIXER)
    names = (CACHE,)
    construct = (
        f"`{READ}` and `{WRITTEN}`, methods of a `{GROWING}` of the file that keeps one tensor for each layer, and "
        f"`{CACHE} = <that class>()` where there is none"
    )

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        edits, count = Edits(code), 0
        for found in find_all(MADE, code):
            _expect_known(anatomy.file.classes.get(found.name("own")), code, found.node)
            statement = code.statement_of(found.node)
            edits.replace_statement(statement, MADE_INSTEAD)
            count += 1
        for pattern_, given in (
            (READ, f"{CACHE}.get_recurrent_state($layer)"),
            (WRITTEN, f"{CACHE}.update_recurrent_state($state, $layer)"),
        ):
            for found in find_all(pattern_, code):
                _expect_known(_the_only_one(anatomy), code, found.node)
                make(edits, found, given)
                count += 1
        own = _the_only_one(anatomy)
        for name in find(ast.Name, code.tree.args) if count else ():
            if own is not None and name.id == own.name:
                edits.replace(name, "Cache")
        return edits.done(), count


def _the_only_one(anatomy: Anatomy) -> ModelingClass | None:
    """The one class of the file that has the methods which a state mixer calls."""
    own = [cls for cls in anatomy.file.classes.values() if WRITTEN.identifiers & cls.methods.keys()]
    return own[0] if len(own) == 1 else None


def _expect_known(cls: ModelingClass | None, code: Code, place: ast.AST) -> None:
    """Refuse a cache that keeps anything otherwise than is known.

    Raises:
        Unmatched: the class is not there, inherits from another one, or has other methods or texts.
    """
    if cls is None or cls.bases != (GROWING,):
        raise Unmatched(f"the cache is no `{GROWING}` of the file with one list more", place)
    for name, method in cls.methods.items():
        if name in UNUSED:
            continue
        given, text = METHODS.get(name, ((), None))
        parameters = tuple(item.arg for item in method.args.args)
        if text is None or parameters != given or match(text, method.body) is None:
            raise Unmatched(f"`{cls.name}.{name}` keeps or gives something else than one tensor a layer", place)
