"""Which model of a run is best."""

from __future__ import annotations

from services.results.comparison import Entry, leaderboard


def _entry(candidate: int, target: str, value: float | None, seconds: float = 1.0) -> Entry:
    return Entry(f"{candidate}-{target}", candidate, f"model {candidate}", target, value, seconds, {"rmse": value})


def _order(*entries: Entry) -> list[int]:
    return [row["candidate"] for row in leaderboard(entries)]


def test_the_lowest_mean_rank_over_the_targets_is_best() -> None:
    assert _order(_entry(0, "a", 3.0), _entry(0, "b", 1.0), _entry(1, "a", 1.0), _entry(1, "b", 0.5)) == [1, 0]


def test_ties_are_decided_by_training_time() -> None:
    assert _order(_entry(0, "a", 1.0, seconds=9), _entry(1, "a", 1.0, seconds=2)) == [1, 0]


def test_what_is_undefined_comes_last() -> None:
    assert _order(_entry(0, "a", None), _entry(1, "a", 100.0)) == [1, 0]


def test_a_candidate_that_lacks_a_target_comes_after_all_that_have_every_one() -> None:
    rows = leaderboard([_entry(0, "a", 1.0), _entry(1, "a", 2.0), _entry(1, "b", 2.0)])

    assert [row["candidate"] for row in rows] == [1, 0]
    assert rows[0]["targets"].keys() == {"a", "b"}
