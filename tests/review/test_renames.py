"""Which hunks differ in names of variables alone."""

from __future__ import annotations

import pytest

from qeff_codegen.review.changes import Hunk
from qeff_codegen.review.renames import Renames, renames


def found(old: str, new: str) -> Renames:
    upstream, generated = old.splitlines(), new.splitlines()
    hunk = Hunk(("some_rule",), "f", range(1, len(upstream) + 1), range(1, len(generated) + 1))
    return renames(hunk, upstream, generated)


@pytest.mark.parametrize(
    "old, new",
    [
        ("    cache: Cache | None = None,", "    past: Cache | None = None,"),
        ("        x = cache.update(k, v, i)", "        x = past.update(k, v, i)"),
        ("        cache=cache,", "        past=past,"),
        ("    if cache is not None:", "    if past is not None:  # always"),
        ("        y = f(cache,\n            cache)", "        y = f(past, past)"),
    ],
)
def test_a_name_for_another(old: str, new: str) -> None:
    assert found(old, new) == (("cache", "past"),)


def test_two_names_for_two_others() -> None:
    assert found("a = b + 1", "c = d + 1") == (("a", "c"), ("b", "d"))


@pytest.mark.parametrize(
    "old, new, why",
    [
        ("y = x.exp()", "y = x.log()", "an attribute"),
        ("y = exp(x)", "y = log(x)", "a function"),
        ("y = a - b", "y = b - a", "names that change places"),
        ("y = a - b", "y = c - c", "two names that become one"),
        ("y = a - a", "y = b - c", "one name that becomes two"),
        ("y = a - b", "y = a - a", "a name that was there"),
        ("y = a + 1", "y = b + 2", "a number"),
        ("y = a + 1", "y = b - 1", "an operator"),
        ('y = a["k"]', 'y = b["l"]', "a text"),
        ("y = a", "y = b\nz = b", "a statement more"),
        ("y = a", "y = a  # why", "a comment"),
        ("y = a", "", "a line that is gone"),
    ],
)
def test_anything_else_is_shown(old: str, new: str, why: str) -> None:
    assert found(old, new) == (), why
