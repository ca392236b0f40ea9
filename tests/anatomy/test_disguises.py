"""How a file is laid out, and what its locals are annotated with, decides nothing that is recognised."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.key_blocks import softmax_statement
from qeff_codegen.anatomy.latents import expanded_latents
from qeff_codegen.anatomy.mask_form import mask_form
from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.anatomy.recognise import recognise
from qeff_codegen.errors import Refusal
from qeff_codegen.upstream.find import find_model
from qeff_codegen.upstream.source import UpstreamModel
from tests.disguises import DISGUISES, Disguise, annotated, in_narrow_lines
from tests.sample import SAMPLE

# One for each idea that is missing, among the families of the installed release.
WITH_GAPS = (
    "bamba",
    "big_bird",
    "blt",
    "cohere_compass_text",
    "cpmant",
    "doge",
    "mllama",
    "musicgen",
    "mvp",
    "openai-gpt",
    "reformer",
    "xlm",
    "xlnet",
)


def facts(upstream: UpstreamModel) -> object:
    """Everything that is recognised but for the lines where it stands; the refusal if it is refused."""
    try:
        anatomy = recognise(read_modeling_file(upstream))
    except Refusal as refusal:
        return refusal.what, refusal.rule, refusal.expected, refusal.next_step
    return _parts(anatomy), _functions(anatomy), anatomy.reachable


def _parts(anatomy: Anatomy) -> list[object]:
    parts = [
        (replace(part, cls=part.name), part.cls.built, part.cls.alternatives)  # type: ignore[arg-type]
        for part in anatomy.replaced
    ]
    counts = [anatomy.returned_count(part) for part in anatomy.path]
    latents = [expanded_latents(part.forward, part.cls.methods) for part in anatomy.path]
    assigned = [
        {name: [ast.unparse(value) for value in values] for name, values in part.cls.assigned.items()}
        for part in anatomy.replaced
    ]
    norms = [(norm.cls.name, norm.kind) for norm in anatomy.norms]
    return [parts, counts, latents, assigned, norms, mask_form(anatomy)]


def _functions(anatomy: Anatomy) -> list[object]:
    functions = anatomy.file.functions
    in_blocks = {name: softmax_statement(functions[name]) for name in anatomy.attention_functions}
    return [anatomy.attention_functions, anatomy.mask_parameters, in_blocks]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("name", SAMPLE)
def test_recognises_the_same(name: str, disguise: Disguise) -> None:
    upstream = find_model(name)
    disguised = replace(upstream, source=disguise(upstream.source))
    assert disguised.source != upstream.source
    assert facts(disguised) == facts(upstream)


@pytest.mark.parametrize(
    ("name", "disguise"),
    [*((name, annotated) for name in WITH_GAPS), *((name, in_narrow_lines) for name in ("blt", "cpmant", "doge"))],
)
def test_misses_the_same_idea(name: str, disguise: Disguise) -> None:
    upstream = find_model(name)
    assert facts(replace(upstream, source=disguise(upstream.source))) == facts(upstream)


PLAIN = """
def outer(x):
    total = 0
    first = second = x
    pair = x, total
    x.size = 1
    if (known := x):
        label = "é"; text = label

    class Inner:
        size = 1

    def inner():
        nonlocal total
        global seen
        total = seen = 1
        seen = 2
        own = 3
"""
ANNOTATED = """
def outer(x):
    total: object = 0
    first = second = x
    pair: object = x, total
    x.size = 1
    if (known := x):
        label: object = "é"; text: object = label

    class Inner:
        size = 1

    def inner():
        nonlocal total
        global seen
        total = seen = 1
        seen = 2
        own: object = 3
"""


def test_annotates_every_local_that_python_lets_be() -> None:
    assert annotated(PLAIN) == ANNOTATED
    compile(ANNOTATED, "<annotated>", "exec")


def test_narrow_lines_leave_the_tree_as_it_is() -> None:
    source = find_model("llama").source
    assert ast.dump(ast.parse(in_narrow_lines(source))) == ast.dump(ast.parse(source))
