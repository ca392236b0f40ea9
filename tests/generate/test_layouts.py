"""Every layout that Python accepts is followed: the same code comes out, and messages name the file's own lines."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cache

import pytest

from qeff_codegen.emit import steps
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model, inspect_model
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.review.changes import Hunk, changes
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.plain_layout import plain_layout
from tests.disguises import LAYOUTS, Disguise, in_other_line_ends, in_two_blanks, packed

LAYER = "        residual = hidden_states\n        hidden_states = self.input_layernorm(hidden_states)\n"
ONE_HEAD = "    if n_rep == 1:\n        return hidden_states\n"
PROJECTED = "        attn_output = self.o_proj(attn_output)\n"
NORMED = "        hidden_states = self.norm(hidden_states)\n"
MISSING = "        if use_cache and cache is None:\n            cache = DynamicCache(config=self.config)\n"
CHUNK = "        hidden_states = residual + hidden_states\n        return hidden_states\n"

# What stands in Blueprint's file, and the same in another layout.
VARIATIONS = {
    "two statements on a line": (LAYER, LAYER.replace("states\n        hidden", "states; hidden", 1)),
    "two statements and a semicolon": (
        LAYER,
        LAYER.replace("states\n        hidden", "states ;hidden", 1)[:-1] + ";\n",
    ),
    "a semicolon at the end": (PROJECTED, PROJECTED[:-1] + ";\n"),
    "a semicolon and a comment": (PROJECTED, PROJECTED[:-1] + ";  # out; done: yes\n"),
    "a block behind its header": (ONE_HEAD, "    if n_rep == 1: return hidden_states\n"),
    "a block behind its header with a comment": (ONE_HEAD, "    if n_rep == 1: return hidden_states  # one head\n"),
    "statements behind a header": (MISSING, MISSING.replace("None:\n            ", "None: pass; ")),
    "a block behind its header, continued": (ONE_HEAD, "    if n_rep == 1: \\\n        return hidden_states\n"),
    "a block of one blank": (ONE_HEAD, "    if n_rep == 1:\n     return hidden_states\n"),
    "a block of a tab": (MISSING, MISSING.replace("            cache", "        \tcache")),
    "a block of eight blanks": (ONE_HEAD, "    if n_rep == 1:\n            return hidden_states\n"),
    "a continued line": (PROJECTED, "        attn_output = \\\n  self.o_proj(attn_output)\n"),
    "a continued line between statements": (LAYER, LAYER.replace("states\n        hidden", "states; \\\nhidden", 1)),
    "a line that is only continued": (PROJECTED, "        \\\n    attn_output = self.o_proj(attn_output)\n"),
    "an argument at the left edge": (PROJECTED, "        attn_output = self.o_proj(\nattn_output\n)\n"),
    "a comment at the left edge": (PROJECTED, "# out\n" + PROJECTED),
    "a comment between two depths": (ONE_HEAD, "    if n_rep == 1:\n      # one head\n        return hidden_states\n"),
    "a comment after a tab": (PROJECTED, "\t# out\n" + PROJECTED),
    "comments in brackets": (PROJECTED, "        attn_output = self.o_proj(  # out\n    # of\n attn_output)\n"),
    "a form feed between definitions": ("\ndef rotate_half", "\f\ndef rotate_half"),
    "a form feed in front of a statement": (PROJECTED, "    \f" + PROJECTED),
    "a form feed behind a statement": (PROJECTED, PROJECTED[:-1] + " \f\n"),
    "a form feed in a comment": (PROJECTED, PROJECTED[:-1] + "  # \f out\n"),
    "a line separator in a comment": (PROJECTED, "        # out\u2028 of\x85 it\n" + PROJECTED),
    "blanks on a blank line": (NORMED, "   \t \n" + NORMED),
    "tabs between names": (PROJECTED, "        attn_output\t=\tself.o_proj(\tattn_output )\n"),
    "a def behind its header": (
        '    def extra_repr(self):\n        return f"{tuple(self.weight.shape)}, eps={self.variance_epsilon}"\n',
        '    def extra_repr(self): return f"{tuple(self.weight.shape)}, eps={self.variance_epsilon}"\n',
    ),
    "a return behind a semicolon": (CHUNK, CHUNK.replace("states\n        return", "states; return")),
    "a class that is indented by three": (
        "        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n",
        "           return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))\n",
    ),
}


def blueprint(source: str) -> GeneratedModel:
    return generate_model(replace(find_model("blueprint"), source=source))


@cache
def tree() -> str:
    return ast.dump(ast.parse(generate_model(find_model("blueprint")).code))


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_layout_changes_nothing(name: str) -> None:
    old, new = VARIATIONS[name]
    source = find_model("blueprint").source
    assert old in source
    changed = source.replace(old, new, 1)
    model = blueprint(changed)
    assert ast.dump(ast.parse(model.code)) == tree()
    assert changes(model), "every line has its place in a review"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_review_shows_every_line_of_the_file_itself(layout: Disguise) -> None:
    model = blueprint(layout(find_model("blueprint").source))
    found = changes(model)
    assert [number for item in found for number in item.upstream] == list(range(1, len(model.upstream.lines) + 1))
    assert [number for item in found for number in item.generated] == list(range(1, model.code.count("\n") + 1))
    owners = {owner for item in found if isinstance(item, Hunk) for owner in item.owners}
    assert (steps.LAYOUT.id in owners) is (layout is not in_other_line_ends)


def test_messages_and_roles_name_lines_of_the_file_itself() -> None:
    upstream = replace(find_model("blueprint"), source=packed(find_model("blueprint").source))
    for role in inspect_model(upstream):
        assert role.name in upstream.lines[role.line - 1]


def test_a_refusal_shows_the_line_as_it_is() -> None:
    source = find_model("blueprint").source
    decorated = source.replace("    @can_return_tuple\n", "    @can_return_tuple\n    @hidden_behaviour\n")
    for layout, line in ((packed, "    @hidden_behaviour"), (in_two_blanks, "  @hidden_behaviour")):
        changed = layout(decorated)
        number = changed.split("\n").index(line) + 1
        with pytest.raises(Refusal) as refused:
            blueprint(changed)
        location = refused.value.location
        assert location is not None
        assert (location.line, location.excerpt) == (number, line)


STRINGS = '''
class A:
  def text(self):
      x = """
   three
\ttab \\
 joined
"""; y = f"""
  {x!r:>{10}}
    four
"""
      z = ("a"
"b"      "\u2028"   # c
\t'\f\x85'); return x, y, z, b"\f", r"raw"
'''


def test_what_strings_hold_stays() -> None:
    plain = plain_layout(STRINGS).text
    assert ast.dump(ast.parse(plain)) == ast.dump(ast.parse(STRINGS))
    assert plain_layout(plain).text == plain, "it is laid out already"


def test_every_line_says_where_it_comes_from() -> None:
    source = "if a: b; c  # d\n\n# e\nelse:\n  # f\n  g(\n1,\n2); h\n"
    layout = plain_layout(source)
    assert layout.text.split("\n") == [
        *("if a:", "    b", "    c  # d", "", "# e", "else:", "    # f", "    g(", "  1,", "  2)", "    h", ""),
    ]
    assert layout.origins == (1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8)


def test_a_raw_string_that_ends_lines_for_some_is_refused() -> None:
    source = find_model("blueprint").source
    with pytest.raises(Refusal, match="ends a line for some readers only"):
        blueprint(source.replace(PROJECTED, PROJECTED + '        note = r"\u2028"\n'))
