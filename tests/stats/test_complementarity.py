"""Unions and gains against counts by hand, set algebra and the plain cluster bootstrap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ptx.stats import (
    StatsError,
    cluster_bootstrap,
    compare_sensitivity,
    complementarity,
)

CT = [1, 1, 1, 0, 0, 0, 1, 0]
US = [1, 0, 0, 1, 0, 0, 1, np.nan]
MIBI = [1, 0, 1, 0, 1, 0, 1, 1]


def test_a_table_is_counted_right() -> None:
    """Seven glands that all three were used on; counted by hand."""
    result = complementarity({"CT": CT, "US": US, "MIBI": MIBI})
    assert (result.glands, result.left_out, result.clusters) == (7, 1, None)
    unions = {one.members: one.found for one in result.unions}
    assert unions == {
        ("CT",): 4, ("US",): 3, ("MIBI",): 4,
        ("CT", "US"): 5, ("CT", "MIBI"): 5, ("US", "MIBI"): 5, ("CT", "US", "MIBI"): 6,
    }  # fmt: skip
    gains = {(one.added, one.to): one.glands for one in result.gains}
    assert gains["MIBI", ("CT",)] == 1
    assert gains["US", ("CT", "MIBI")] == 1
    assert gains["CT", ("US", "MIBI")] == 1
    assert len(gains) == 9
    assert result.only == {"CT": 1, "US": 1, "MIBI": 1}
    assert result.patterns == {
        ("CT", "US", "MIBI"): 2, (): 1, ("CT",): 1, ("MIBI",): 1, ("US",): 1, ("CT", "MIBI"): 1,
    }  # fmt: skip
    assert next(iter(result.patterns)) == ("CT", "US", "MIBI")
    assert all(one.cluster_bootstrap is None for one in result.unions)


tables = st.integers(2, 4).flatmap(
    lambda names: st.lists(
        st.lists(st.integers(0, 1), min_size=names, max_size=names), min_size=1, max_size=15
    )
)


@given(tables)
def test_unions_obey_inclusion_and_exclusion(rows: list[list[int]]) -> None:
    table = np.array(rows).T
    names = [f"m{i}" for i in range(len(table))]
    result = complementarity(dict(zip(names, table, strict=True)))
    found = {one.members: one.found for one in result.unions}
    for size in range(1, len(names) + 1):
        for members in itertools.combinations(range(len(names)), size):
            expected = sum(
                (-1) ** (inner + 1) * int(table[list(part)].all(axis=0).sum())
                for inner in range(1, size + 1)
                for part in itertools.combinations(members, inner)
            )
            assert found[tuple(names[i] for i in members)] == expected
    for gain in result.gains:
        after = tuple(name for name in names if name in gain.to or name == gain.added)
        assert gain.glands == found[after] - found[gain.to] >= 0
    assert sum(result.patterns.values()) == len(rows)
    everyone = found[tuple(names)]
    for name in names:
        others = tuple(other for other in names if other != name)
        assert result.only[name] == everyone - found[others]


def test_intervals_are_those_of_the_cluster_bootstrap() -> None:
    random = np.random.default_rng(1)
    patients = np.sort(random.integers(15, size=50))
    table = {name: (random.random(50) < share) * 1.0 for name, share in (("a", 0.7), ("b", 0.5))}
    result = complementarity(table, patients, replicates=500, seed=3)
    rest = (1 - table["a"]) * table["b"]
    expected = cluster_bootstrap(
        lambda drawn: np.nanmean(drawn, axis=-1),
        rest, clusters=patients, replicates=500, seed=3, vectorised=True,
    )  # fmt: skip
    (gain,) = [one for one in result.gains if one.added == "b"]
    assert gain.value == rest.mean()
    assert gain.cluster_bootstrap == pytest.approx((expected.low, expected.high), abs=1e-12)
    singles = compare_sensitivity(table, patients, replicates=500, seed=3).modalities
    for one in result.unions[:2]:
        (name,) = one.members
        assert one.cluster_bootstrap == pytest.approx(singles[name].cluster_bootstrap, abs=1e-12)
        assert one.clopper_pearson == singles[name].clopper_pearson


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """150 series of 60 patients whose glands are alike: the union of two, 95% intervals."""
    random = np.random.default_rng(5)
    held = []
    for series in range(150):
        easy = np.repeat(random.beta(4, 2, size=60), 3)  # one chance for a patient's glands
        table = {name: (random.random(180) < easy) * 1.0 for name in "ab"}
        result = complementarity(table, np.repeat(np.arange(60), 3), replicates=400, seed=series)
        # E[1 - (1 - p)^2] of Beta(4, 2): 1 - 2 * 3 / (6 * 7)
        truth = 1.0 - 2.0 * 3.0 / (6.0 * 7.0)
        low, high = result.unions[2].cluster_bootstrap or (1.0, 0.0)
        held.append(low <= truth <= high)
    assert 0.90 <= np.mean(held) <= 0.98


def test_it_is_plain_json() -> None:
    import json

    result = complementarity({"CT": CT, "US": US}, [1, 1, 2, 2, 3, 3, 4, 4], replicates=50)
    text = json.dumps(result.to_json(), allow_nan=False)
    assert json.loads(text)["only"] == {"CT": 2, "US": 1}
    assert result.few_clusters


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"CT": [1]}, "2 to 8 modalities"),
        ({"CT": [1], "US": [1, 0]}, "one value for each gland"),
        ({"CT": [1], "US": [2]}, "US must be 0, 1 or missing"),
        ({"CT": [1, np.nan], "US": [np.nan, 0]}, "no gland that all of CT, US"),
        ({str(i): [1] for i in range(9)}, "not 9; choose some"),
    ],
)
def test_what_cannot_be(table: dict, said: str) -> None:
    with pytest.raises(StatsError, match=said):
        complementarity(table)
