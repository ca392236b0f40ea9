"""Routing is watched: a choice that rounding could turn is seen, and so is an expert that is never chosen."""

from __future__ import annotations

import math

import pytest
import torch

from qeff_codegen.validation.routing import MIN_ROUTING_MARGIN, RoutingWatch

SCORES = torch.tensor([[4.0, 1.0, 3.0, 2.5], [0.0, 7.0, 6.0, 2.0]])


def test_the_margin_is_between_the_last_chosen_and_the_first_left_out() -> None:
    with RoutingWatch() as routing:
        torch.topk(SCORES, 2, dim=-1)
    assert routing.margin == pytest.approx(0.5), "3.0 against 2.5; the second row has 6.0 against 2.0"
    assert routing.chosen == {4: {0, 1, 2}}
    assert routing.unclear == ()
    assert routing.incomplete == ("only 3 of 4 experts or groups were ever chosen",)


@pytest.mark.parametrize(
    "choose",
    [
        lambda scores: torch.topk(scores, 2),
        lambda scores: scores.topk(2),
        lambda scores: scores.topk(k=2, dim=-1, sorted=False),
        lambda scores: torch.topk(input=scores, k=2),
        lambda scores: torch.topk(scores, k=2, sorted=False),
    ],
)
def test_every_spelling_of_topk_is_seen(choose: object) -> None:
    assert callable(choose)
    with RoutingWatch() as routing:
        result = choose(SCORES)
    assert routing.margin == pytest.approx(0.5)
    assert torch.equal(result.values.sort(dim=-1).values, torch.tensor([[3.0, 4.0], [6.0, 7.0]]))


def test_choices_along_another_dimension_are_those_of_that_dimension() -> None:
    with RoutingWatch() as routing:
        torch.topk(SCORES, 1, 0)
        torch.topk(SCORES.T, 2, dim=0)
    assert routing.margin == pytest.approx(0.5)
    assert routing.chosen == {2: {0, 1}, 4: {0, 1, 2}}


def test_among_candidates_that_are_ruled_out_any_may_be_chosen() -> None:
    ruled_out = -math.inf
    with RoutingWatch() as routing:
        torch.topk(torch.tensor([[1.0, ruled_out, ruled_out], [3.0, 2.0, 1.5]]), 2)
    assert routing.margin == pytest.approx(0.5)


def test_the_smallest_margin_of_all_calls_counts_and_choices_add_up() -> None:
    with RoutingWatch() as routing:
        torch.topk(SCORES, 1)
        torch.topk(SCORES.flip(-1), 1)
        torch.topk(torch.tensor([1.0, 1.25, 0.0]), 1)
    assert routing.margin == pytest.approx(0.25)
    assert routing.chosen == {4: {0, 1, 2, 3}, 3: {1}}
    assert routing.incomplete == ("only 1 of 3 experts or groups were ever chosen",)


def test_scores_that_rounding_may_exchange_are_unclear() -> None:
    with RoutingWatch() as routing:
        torch.topk(torch.tensor([1.0, 0.5, 0.5 - MIN_ROUTING_MARGIN / 2]), 2)
    (message,) = routing.unclear
    assert message.startswith("two router scores come as close as 5") and message.endswith("choose the expert")


def test_a_tie_is_unclear_whichever_is_chosen() -> None:
    with RoutingWatch() as routing:
        torch.topk(torch.tensor([1.0, 1.0, 0.0], dtype=torch.bfloat16), 1)
    assert routing.margin == 0
    assert len(routing.unclear) == 1


def test_two_chosen_scores_may_be_as_close_as_they_like() -> None:
    with RoutingWatch() as routing:
        torch.topk(torch.tensor([1.0, 1.0, 0.0]), 2)
    assert routing.unclear == ()


def test_a_choice_that_leaves_nothing_out_is_none() -> None:
    with RoutingWatch() as routing:
        torch.topk(SCORES, 4)
        SCORES.max(dim=-1)
    assert (routing.margin, dict(routing.chosen), routing.unclear, routing.incomplete) == (math.inf, {}, (), ())


def test_nothing_is_seen_outside() -> None:
    with RoutingWatch() as routing:
        pass
    torch.topk(SCORES, 2)
    assert routing.margin == math.inf
