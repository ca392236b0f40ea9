"""The options of `infer` that choose how tokens are drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from qeff_codegen.decoding.sampling_parameters import SamplingParameters
from qeff_codegen.errors import UsageError

include_sampler = click.option(
    "--include-sampler", is_flag=True, help="The graph itself draws the next token, and gives it instead of logits."
)
max_top_k_ids = click.option(
    "--max-top-k-ids",
    type=int,
    help="From how many tokens the graph draws at most.  [default: 512, or a smaller vocabulary]",
)
_PARAMETERS = (
    click.option("--temperature", type=float, help="Divides the logits; 0 for the likeliest token.  [default: 1]"),
    click.option("--top-k", type=int, help="One of so many likeliest tokens.  [default: all the graph draws from]"),
    click.option("--top-p", type=float, help="Of the likeliest that sum up to this probability.  [default: 1]"),
    click.option("--min-p", type=float, help="Of those with this share of the likeliest one's.  [default: 0]"),
    click.option("--repetition-penalty", type=float, help="Above 1: less of what was read or written.  [default: 1]"),
    click.option("--presence-penalty", type=float, help="Above 0: less of what was written.  [default: 0]"),
    click.option("--seed", type=int, help="Equal seeds give equal texts.  [default: 0]"),
)
_NAMES = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty", "seed")


def sampling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets those that were given as `qaic_config` and `sampling`."""

    @wraps(command)
    def with_sampling(*, include_sampler: bool, max_top_k_ids: int | None, **arguments: Any) -> Any:
        sampling = {name: value for name in _NAMES if (value := arguments.pop(name)) is not None}
        qaic_config = qaic_config_of(include_sampler, max_top_k_ids)
        if sampling and not include_sampler:
            given = ", ".join(f"--{name.replace('_', '-')}" for name in sampling)
            raise UsageError(f"{given}: without --include-sampler the likeliest token is always taken. Add it.")
        parameters = SamplingParameters(**sampling) if sampling else None
        return command(qaic_config=qaic_config, sampling=parameters, **arguments)

    decorated: Callable[..., Any] = with_sampling
    for option in reversed((include_sampler, max_top_k_ids, *_PARAMETERS)):
        decorated = option(decorated)
    return decorated


def qaic_config_of(include_sampler: bool, max_top_k_ids: int | None, return_pdfs: bool = False) -> dict[str, Any]:
    """What was asked of the sampler, with QEfficient's names.

    Raises:
        UsageError: something was, and no sampler.
    """
    asked = {"max_top_k_ids": max_top_k_ids, "return_pdfs": return_pdfs or None}
    given = {name: value for name, value in asked.items() if value is not None}
    if given and not include_sampler:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{options}: without --include-sampler the graph gives logits. Add it.")
    return {"include_sampler": include_sampler, **given}
