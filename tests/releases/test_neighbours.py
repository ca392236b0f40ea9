"""Who is in a release's population, and which share of it is generated."""

from __future__ import annotations

from qeff_codegen.releases.neighbours import ReleaseShare, shares
from qeff_codegen.releases.verdict import Verdict

YES = Verdict()
NO = Verdict("anatomy", "no attention", "transformers/models/elm/modeling_elm.py:7")
RELEASES = ("5.0.0", "5.1.0", "5.2.0", "5.3.0")
VERDICTS = {
    "5.0.0": {"before": YES, "never": NO, "pinned": NO, "gone": YES},
    "5.1.0": {"before": NO, "after": NO, "never": NO, "pinned": NO, "here": YES},
    "5.2.0": {"before": NO, "after": YES, "never": NO, "pinned": NO, "far": NO},
    "5.3.0": {"far": YES, "never": NO},
}


def test_neighbours_and_the_pinned_release_make_the_population() -> None:
    (share,) = shares(RELEASES, VERDICTS, ["5.1.0"], {"pinned"})
    assert share == ReleaseShare(
        "5.1.0", 5, ("after", "before", "pinned"), {"after": NO, "before": NO, "pinned": NO}, outside=1
    )
    assert (share.generated, share.share) == (0, 0.0)


def test_only_direct_neighbours_count() -> None:
    first, second = shares(RELEASES, VERDICTS, ["5.0.0", "5.2.0"], ())
    assert (first.population, first.outside) == ((), 2)
    assert first.share == 1.0
    assert (second.population, second.generated, second.outside) == (("far",), 0, 1)


def test_the_share_is_of_the_population() -> None:
    (share,) = shares(RELEASES, VERDICTS, ["5.2.0"], {"after"})
    assert (share.population, share.generated, share.share, share.outside) == (("after", "far"), 1, 0.5, 0)
