"""The session of the host's copy: what its cache holds, how it grows, and what is not computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qeff_codegen.decoding import host_session
from qeff_codegen.decoding.generation import generate
from qeff_codegen.decoding.host_session import HostDecoderSession, open_decoder
from qeff_codegen.decoding.session import OrtDecoderSession
from qeff_codegen.errors import UsageError
from qeff_codegen.export.graph_io import ExportSpec
from tests.runtime.toy_llama import CTX_LEN, random_prompts

PLAIN = ExportSpec(CTX_LEN)
CONTINUOUS = ExportSpec(CTX_LEN, continuous_batching=True)
Exported = Callable[[ExportSpec], Path]
TOLERANCE = 2e-5


def opened(onnx_path: Path, rows: int) -> HostDecoderSession:
    decoder = open_decoder(onnx_path, rows, CTX_LEN)
    assert isinstance(decoder, HostDecoderSession)
    return decoder


def test_slots_are_added_as_the_text_grows(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_session, "SLOTS_AT_ONCE", 4)
    prompts = random_prompts(3, 8)
    decoder = opened(exported(PLAIN), 2)
    found = generate(decoder.run, prompts, prefill_seq_len=4, ctx_len=CTX_LEN)
    expected = generate(
        OrtDecoderSession(exported(PLAIN), 2, CTX_LEN).run, prompts, prefill_seq_len=4, ctx_len=CTX_LEN
    )
    assert found.tokens == expected.tokens
    np.testing.assert_allclose(found.logits, expected.logits, rtol=0, atol=TOLERANCE)


def test_the_cache_is_that_of_the_exported_graph_where_tokens_are(exported: Exported) -> None:
    prompts = random_prompts(5, 9)
    host, whole = opened(exported(PLAIN), 2), OrtDecoderSession(exported(PLAIN), 2, CTX_LEN)
    for decoder in (host, whole):
        generate(decoder.run, prompts, prefill_seq_len=4, ctx_len=CTX_LEN, max_new_tokens=3)
    found, expected = host.cache(), whole.cache()
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape
        for row, length in enumerate((5 + 2, 9 + 2)):
            np.testing.assert_allclose(found[name][row, :, :length], array[row, :, :length], rtol=0, atol=TOLERANCE)


def test_pads_that_all_rows_have_are_not_computed(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = opened(exported(PLAIN), 2)
    shapes = []
    run = HostDecoderSession._run

    def observed(self: HostDecoderSession, binding: Any, kept: Any, feeds: dict[str, np.ndarray]) -> np.ndarray:
        shapes.append(feeds["input_ids"].shape)
        return run(self, binding, kept, feeds)

    monkeypatch.setattr(HostDecoderSession, "_run", observed)
    generate(decoder.run, random_prompts(3, 6), prefill_seq_len=16, ctx_len=CTX_LEN, max_new_tokens=2)
    assert shapes == [(2, 6), (2, 1)]


def test_nothing_of_another_text_shows_in_a_row_that_begins_anew(exported: Exported) -> None:
    decoder = opened(exported(CONTINUOUS), 2)
    token, rows = np.array([[7]]), np.array([[1]])
    expected = decoder.run(token, np.array([[0]]), rows)
    for position in (1, 2):
        decoder.run(token, np.array([[position]]), rows)
    for array in decoder._arrays.values():
        array[1, :, :3] = np.nan
    np.testing.assert_array_equal(decoder.run(token, np.array([[0]]), rows), expected)


def test_a_row_of_pads_leaves_numbers_in_the_cache(exported: Exported) -> None:
    decoder = opened(exported(PLAIN), 2)
    decoder.run(np.array([[7, 8], [0, 0]]), np.array([[0, 1], [-1, -1]]))
    assert all(np.isfinite(array).all() for array in decoder._arrays.values())
    assert all((array[1, :, :-1] == 0).all() for array in decoder._arrays.values())


def test_an_idle_row_keeps_its_last_slot(exported: Exported) -> None:
    decoder = opened(exported(CONTINUOUS), 2)
    rows = np.array([[0], [1]])
    decoder.run(np.array([[7], [8]]), np.array([[0], [CTX_LEN - 1]]), rows)
    before = decoder.cache()
    decoder.run(np.array([[7], [0]]), np.array([[1], [-1]]), rows)
    for name, array in decoder.cache().items():
        assert before[name][1, :, -1].any()
        np.testing.assert_array_equal(array[1], before[name][1])


def test_a_position_beyond_the_context_is_refused(exported: Exported) -> None:
    decoder = opened(exported(PLAIN), 1)
    with pytest.raises(UsageError, match=f"position {CTX_LEN}, and ctx_len is {CTX_LEN}, so there is no slot"):
        decoder.run(np.array([[7]]), np.array([[CTX_LEN]]))


def test_inputs_the_graph_was_not_exported_for(exported: Exported) -> None:
    token = np.array([[0]])
    with pytest.raises(UsageError, match="missing or not among them: batch_index. Export with"):
        opened(exported(PLAIN), 1).run(token, token, batch_index=token)
    with pytest.raises(UsageError, match="missing or not among them: batch_index. Export with"):
        opened(exported(CONTINUOUS), 1).run(token, token)
