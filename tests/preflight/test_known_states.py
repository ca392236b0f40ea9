"""A tensor that QEfficient's runtime does not know for a retained state is remarked on, and fails nothing."""

from __future__ import annotations

from dataclasses import replace

from qeff_codegen.export.graph_io import (
    INDEXER_KEYS,
    RECURRENT_STATE,
    ROTATED_AND_LATENT,
    IndexerShape,
    KVShape,
    StateShape,
)
from qeff_codegen.preflight import known_states
from qeff_codegen.preflight.candidate import Candidate

KEYS = (KVShape("past_key", 2, 16), KVShape("past_value", 2, 16))


def test_names_of_the_runtime_are_known(candidate: Candidate) -> None:
    latents = tuple(KVShape(name, 1, 8) for name in ROTATED_AND_LATENT)
    layers = (KEYS, latents, (StateShape(RECURRENT_STATE, (2, 6)),), (StateShape("conv_state", (8, 4)),))
    assert not list(known_states.CHECK.findings(replace(candidate, layers=layers)))


def test_an_indexers_keys_are_remarked_on(candidate: Candidate) -> None:
    layers = (KEYS, (*KEYS, IndexerShape(INDEXER_KEYS, 16)), (*KEYS, IndexerShape(INDEXER_KEYS, 16)))
    (finding,) = known_states.CHECK.findings(replace(candidate, layers=layers))
    assert "does not know indexer_key_cache.1 and 1 more as a retained state" in finding.what
    assert not finding.is_problem
