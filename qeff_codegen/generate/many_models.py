"""Generate many models, in several processes: the same models in the same order, however many processes there are."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from qeff_codegen.errors import Refusal
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.generate.worker_server import end_with_parent, ended_with_us, start_server
from qeff_codegen.generated_model import GeneratedModel
from qeff_codegen.upstream.source import UpstreamModel

# Starting a process costs as much as generating a model.
FEWEST_FOR_PROCESSES = 4


def generate_models(upstreams: Sequence[UpstreamModel], jobs: int) -> Iterator[GeneratedModel | Refusal]:
    """Generate every model, or say why it is refused, in the order given.

    Args:
        jobs: processes; few models are generated in this one.
    """
    if jobs == 1 or len(upstreams) < FEWEST_FOR_PROCESSES:
        yield from map(_generated, upstreams)
        return
    context = multiprocessing.get_context("forkserver")
    start_server(context, [__name__])
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=end_with_parent) as pool, ended_with_us():
        yield from pool.map(_generated, upstreams)


def _generated(upstream: UpstreamModel) -> GeneratedModel | Refusal:
    try:
        return generate_model(upstream)
    except Refusal as refusal:
        return refusal
