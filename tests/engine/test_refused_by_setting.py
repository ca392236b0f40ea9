"""Classes that only a refused setting would call are told from those that something else builds or calls."""

from __future__ import annotations

import ast

from qeff_codegen.anatomy.modeling_file import read_modeling_file
from qeff_codegen.engine.refused_by_setting import refused_by_setting
from qeff_codegen.upstream.source import UpstreamModel

UPSTREAM = """
class Learned(nn.Module):
    pass


class Counted(nn.Module):
    pass


class Model(nn.Module):
    def __init__(self, config):
        if config.learned:
            self.positions = Learned(config)
        else:
            self.positions = Counted(config)


class Other(nn.Module):
    def __init__(self, config):
        self.positions = BUILT(config)
"""
GENERATED = """
class QEffModel(Model):
    def forward(self, x):
        if self.config.learned:
            return self.positions(x)
        else:
            FOUND
"""


def refused(built: str = "Learned", found: str = 'raise ValueError("counted")') -> set[str]:
    source = UPSTREAM.replace("BUILT", built)
    file = read_modeling_file(UpstreamModel("tiny", "modeling_tiny.py", "tiny.modeling_tiny", source))
    (generated,) = ast.parse(GENERATED.replace("FOUND", found)).body
    assert isinstance(generated, ast.ClassDef)
    return refused_by_setting(file.classes["Model"], generated, file.classes.values())


def test_what_a_refused_setting_builds_is_never_called() -> None:
    assert refused() == {"Counted"}


def test_what_something_else_builds_may_be_called() -> None:
    assert refused(built="Counted") == set()


def test_a_branch_that_does_not_raise_refuses_nothing() -> None:
    assert refused(found="return self.positions(x, x)") == set()
