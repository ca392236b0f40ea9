"""What the rules say to one modeling file: it is generated and every check holds, or it is refused, and why."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version

from qeff_codegen.engine.rules_hash import rules_sha256
from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.upstream.source import UpstreamModel

# Where the engine itself failed: no refusal, but a defect, and counted as not generated.
CRASH = "crash"


@dataclass(frozen=True)
class Verdict:
    """Whether a modeling file is generated and verified.

    Attributes:
        rule: id of the rule that refused, `crash` for a defect of the engine; empty where it is generated.
        reason: why, in one line.
        place: `file:line` of what was refused.
    """

    rule: str = ""
    reason: str = ""
    place: str = ""

    @property
    def generated(self) -> bool:
        """Whether every rule and every check passed."""
        return not self.rule

    def as_json(self) -> dict[str, str]:
        """The verdict as a plain dictionary."""
        return asdict(self)


def judge(upstream: UpstreamModel) -> Verdict:
    """Generate one model in memory, with every check, and say how that ended."""
    try:
        generate_model(upstream)
    except Refusal as refusal:
        return Verdict(refusal.rule, refusal.what, str(refusal.location or ""))
    except Exception as error:  # a defect of the engine; the survey must go on and name it
        return Verdict(CRASH, f"{type(error).__name__}: {error}".splitlines()[0], upstream.display_path)
    return Verdict()


def verdict_key(upstream: UpstreamModel) -> str:
    """A hash of all that a verdict depends on: two releases with one text of a file share its verdict."""
    parts = (upstream.sha256, upstream.name, upstream.module, upstream.causal_lm or "", surroundings())
    return sha256("\n".join(parts).encode()).hexdigest()


@cache
def surroundings() -> str:
    """What is the same for every file: the rules and the formatter."""
    return f"{rules_sha256()} black-{version('black')}"


def judge_all(models: Mapping[str, UpstreamModel], jobs: int) -> Iterator[tuple[str, Verdict]]:
    """Judge every model, in this process or in `jobs` others; gives each key with its verdict, as they are done."""
    if jobs == 1:
        yield from ((key, judge(upstream)) for key, upstream in models.items())
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(jobs, mp_context=context)
    try:
        waiting = {pool.submit(judge, upstream): key for key, upstream in models.items()}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    finally:
        # Whoever stops the survey waits for the models at work, not for all that were to come.
        pool.shutdown(cancel_futures=True)
