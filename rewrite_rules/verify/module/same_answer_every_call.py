"""A call computes from its arguments and the model's weights alone, so the same call has the same answer.

A traced graph draws its random numbers anew in every call, others than upstream would draw, and keeps for good what
the environment, a clock or PyTorch's own settings said while it was made. None of that shows as an error.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from qeff_codegen.codemod.tree import find, line_of, spelled, walk
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check

# PyTorch's functions and methods that draw random numbers, dropout aside: it is the identity where a model is used.
DRAWS = frozenset(
    {"rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "normal", "normal_"}
    | {"bernoulli", "bernoulli_", "multinomial", "poisson", "uniform_", "random_", "exponential_", "geometric_"}
    | {"cauchy_", "log_normal_", "gumbel_softmax"}
)
OF_THE_PROCESS = frozenset({"os.environ", "os.getenv", "time.time", "time.perf_counter", "time.monotonic"})
_LAST_WORDS = frozenset(name.rpartition(".")[2] for name in OF_THE_PROCESS)


class SameAnswerEveryCall(Check):
    promise = "No call draws random numbers or asks the process that it runs in."

    def broken(self, module: FinishedModule) -> list[Broken]:
        found = [
            Broken(problem, generated=line_of(node, function))
            for name, function in module.functions
            for node, problem in _problems(name, function)
        ]
        return found + [
            Broken(problem, line_of(node, function))
            for name, function in module.staying_functions
            if not name.endswith("._init_weights")
            for node, problem in _problems(name, function)
        ]


def _problems(name: str, function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str]]:
    found: list[tuple[ast.AST, str]] = [
        (call, f"`{name}` draws random numbers: `{spelled(call)}`")
        for call in find(ast.Call, function)
        if isinstance(call.func, ast.Attribute) and call.func.attr in DRAWS
    ]
    found += [
        (node, f"`{name}` asks what the process says, which a graph keeps for good: `{spelled(node)}`")
        for node in find(ast.Attribute, function)
        if node.attr in _LAST_WORDS and spelled(node) in OF_THE_PROCESS
    ]
    trained = set(_only_trained(function)) if found else set()
    return ((node, problem) for node, problem in found if node not in trained)


def _only_trained(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """What runs in training alone."""
    for branch in find(ast.If, function):
        if _needs_training(branch.test):
            yield from (node for item in branch.body for node in walk(item))


def _needs_training(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_needs_training(value) for value in test.values)
    return spelled(test) in {"self.training", "training"}
