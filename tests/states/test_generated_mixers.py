"""Generated state mixers of every kind say in PyTorch what upstream says of each prompt alone, however it is cut.

Upstream's logits of the whole prompt are the reference: its own steps and chunks differ from them in some families.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch

from qeff_codegen.checked_in.generated_code import load_transforms
from qeff_codegen.emit.write import write_models
from qeff_codegen.export.kv_cache import allocate_kv_cache, kv_cache_shapes
from qeff_codegen.generate.one_model import generate_model
from qeff_codegen.tiny_models.configurations import Variant, build_config
from qeff_codegen.tiny_models.families import find_family
from qeff_codegen.tiny_models.models import build_tiny_model, random_tokens
from qeff_codegen.tiny_models.release_differences import with_readable_sizes
from qeff_codegen.tiny_models.sizes import tiny_sizes
from qeff_codegen.upstream.find import find_model

LENGTH, CONTEXT = 9, 24
# Units of the logits' standard deviation; what was measured lies below 1e-5.
TOLERANCE = 1e-4
DELTA = {
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 24,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "qwen3_next": DELTA,
    "bailing_hybrid": {},
    "mamba2": {"num_heads": 8, "head_dim": 16, "n_groups": 2, "state_size": 12, "chunk_size": 4},
    "mamba": {},
    "minimax": {"block_size": 4},
    "recurrent_gemma": {},
    "zaya": {"attention_bias": True},
}
State = list[tuple[torch.Tensor, ...]]


@dataclass(frozen=True)
class Case:
    """A tiny model of a family, upstream's and ours, and upstream's logits of every token of two prompts."""

    ours: Any
    prompts: tuple[tuple[int, ...], ...]
    expected: torch.Tensor

    def empty(self, rows: int) -> State:
        """What a cache of `rows` rows holds before the first call: anything, since a row that begins reads none."""
        layers = allocate_kv_cache(kv_cache_shapes(self.ours), rows, CONTEXT, torch.float32)
        # Keys and values have an axis of the context's length, of which none is read that was not written.
        return [
            tuple(torch.full_like(tensor, torch.nan if tensor.shape[-2] == CONTEXT else 5.0) for tensor in layer)
            for layer in layers
        ]

    def call(self, tokens: Any, positions: Any, state: State, rows: Any = None) -> tuple[torch.Tensor, State]:
        """The last logits of each row, and what is kept."""
        index = {} if rows is None else {"batch_index": torch.tensor(rows)}
        with torch.no_grad():
            output = self.ours(
                input_ids=torch.tensor(tokens), position_ids=torch.tensor(positions), past_key_values=state, **index
            )
        return output.logits[:, -1], list(output.cache)

    def check(self, logits: torch.Tensor, *tokens: tuple[int, int]) -> None:
        """Hold rows of logits against upstream's, each named by prompt and token."""
        expected = torch.stack([self.expected[prompt, token] for prompt, token in tokens])
        assert (logits - expected).abs().max() / self.expected.std() < TOLERANCE


@cache
def case(name: str, folder: Any) -> Case:
    write_models([generate_model(find_model(name))], folder, force=False, rules_sha256="")
    family = find_family(name)
    sizes = tiny_sizes(family.config_class, with_readable_sizes(family.config_class())) | FAMILIES[name]
    upstream = build_tiny_model(family.causal_lm_class, build_config(family, Variant("tiny", "base", sizes)), seed=3)
    ours = load_transforms(name, folder).apply(copy.deepcopy(upstream))
    prompts = tuple(random_tokens(LENGTH, upstream.config.vocab_size, seed) for seed in (1, 2))
    with torch.no_grad():
        expected = torch.stack([upstream(input_ids=torch.tensor([item])).logits[0] for item in prompts])
    return Case(ours, prompts, expected)


@pytest.fixture(params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return case(request.param, tmp_path_factory.getbasetemp() / f"states_{request.param}")


def test_whole_prompts_and_rows_that_are_used_again(family: Case) -> None:
    positions = [list(range(LENGTH))] * 2
    logits, state = family.call(family.prompts, positions, family.empty(2))
    family.check(logits, (0, LENGTH - 1), (1, LENGTH - 1))
    logits, _ = family.call(family.prompts[::-1], positions, state)
    family.check(logits, (1, LENGTH - 1), (0, LENGTH - 1))


def test_chunks_of_several_sizes(family: Case) -> None:
    state, begin = family.empty(1), 0
    for size in (3, 5, 1):
        end = begin + size
        logits, state = family.call([family.prompts[0][begin:end]], [list(range(begin, end))], state)
        family.check(logits, (0, end - 1))
        begin = end


def test_token_by_token(family: Case) -> None:
    state = family.empty(2)
    for token in range(LENGTH):
        logits, state = family.call([[item[token]] for item in family.prompts], [[token]] * 2, state)
    family.check(logits, (0, LENGTH - 1), (1, LENGTH - 1))


def test_pads_and_idle_rows_change_no_state(family: Case) -> None:
    first, second = family.prompts
    logits, state = family.call([first[:4], (*second[:2], 0, 0)], [[0, 1, 2, 3], [0, 1, -1, -1]], family.empty(2))
    family.check(logits, (0, 3), (1, 1))
    logits, state = family.call([(first[4], 0, 0, 0), second[2:6]], [[4, -1, -1, -1], [2, 3, 4, 5]], state)
    family.check(logits, (0, 4), (1, 5))
    logits, state = family.call([(0, 0, 0, 0), (*second[6:9], 0)], [[-1] * 4, [6, 7, 8, -1]], state)
    family.check(logits[1:], (1, 8))
    logits, _ = family.call([first[5:9], (0, 0, 0, 0)], [[5, 6, 7, 8], [-1] * 4], state)
    family.check(logits[:1], (0, 8))


def test_rows_by_batch_index(family: Case) -> None:
    first, second = family.prompts
    logits, state = family.call([first[:4]], [list(range(4))], family.empty(3), [[2]])
    family.check(logits, (0, 3))
    logits, state = family.call([second[:6]], [list(range(6))], state, [[0]])
    family.check(logits, (1, 5))
    logits, state = family.call([[second[6]], [0], [first[4]]], [[6], [-1], [4]], state, [[0], [-1], [2]])
    family.check(logits[[0, 2]], (1, 6), (0, 4))
    logits, state = family.call([first[5:9]], [[5, 6, 7, 8]], state, [[2]])
    family.check(logits, (0, 8))
    logits, _ = family.call([second], [list(range(LENGTH))], state, [[2]])
    family.check(logits, (1, 8))
