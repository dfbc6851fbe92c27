from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

pytest.importorskip("sklearn")

from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.selection import SelectionConfig, fit_selection

N, P = 120, 30
NAMES = [f"f{i}" for i in range(P)]
CONFIG = SelectionConfig()


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(N, P)) * 50 + 1000
    y = np.tile([0, 1], N // 2)
    x[:, 0] += 60 * y
    x[:, 1] = x[:, 0] + random.normal(size=N)
    x[:, 2] = 4.0
    x[3, 4] = np.nan
    return x, y, np.arange(N) // 2


def fell(selection) -> dict[str, str]:
    return dict(zip(selection.names, selection.steps, strict=True))


def test_each_feature_has_its_step() -> None:
    x, y, groups = drawn()
    selection = fit_selection(x, NAMES, y, groups, CONFIG)
    steps = fell(selection)
    assert steps["f2"] == "variance"
    assert steps["f4"] == "not finite"
    assert {steps["f0"], steps["f1"]} == {"redundancy", ""}
    assert set(steps.values()) <= {"", "variance", "not finite", "redundancy", "LASSO"}
    table = selection.table()
    kept = table[table["fell_at"] == "kept"]
    assert len(kept) == len(selection.sets["lasso"])
    assert (kept["value"] != 0).all()
    assert len(table) == P


def test_z_scores_are_those_of_the_training_rows() -> None:
    x, y, groups = drawn()
    selection = fit_selection(x, NAMES, y, groups, CONFIG)
    z = selection.transform(x, "all")
    assert z.shape == (N, P - 2)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(axis=0), 1)
    new = selection.transform(x[:1] + 50, "uncorrelated")
    columns = selection.sets["uncorrelated"]
    expected = (x[:1, columns] + 50 - x[:, columns].mean(axis=0)) / x[:, columns].std(axis=0)
    np.testing.assert_allclose(new, expected)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_no_two_kept_features_correlate_more_than_the_threshold(threshold: float) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(N, 8)) @ random.normal(size=(8, P))
    y, groups = np.tile([0, 1], N // 2), np.arange(N)
    config = SelectionConfig(redundancy=threshold)
    selection = fit_selection(x, NAMES, y, groups, config)
    kept = selection.sets["uncorrelated"]
    rho = np.abs(spearmanr(x).statistic)
    assert rho[np.ix_(kept, kept)][~np.eye(len(kept), dtype=bool)].max(initial=0) <= threshold
    # what fell had its reason: a kept feature that it correlates with, as much as is told
    for i in np.flatnonzero(np.array(selection.steps) == "redundancy"):
        assert selection.values[i] > threshold
        assert np.isclose(rho[i, kept], selection.values[i]).any()


def test_the_better_of_two_redundant_features_is_kept() -> None:
    x, y, groups = drawn()
    x[:, 7] = x[:, 0] + 12 * y  # better than f0, and redundant with it
    steps = fell(fit_selection(x, NAMES, y, groups, CONFIG))
    assert steps["f0"] == "redundancy"
    assert steps["f7"] == ""


def test_icc_filter_by_point_and_by_bound_in_every_comparison() -> None:
    x, y, groups = drawn()
    rows = [
        {"feature": name, "comparison": what, "icc": 0.9, "low": 0.85, "high": 0.95}
        for name in NAMES[:20]
        for what in ("between", "within")
    ]
    icc = pd.DataFrame(rows)
    icc.loc[(icc.feature == "f5") & (icc.comparison == "within"), "icc"] = 0.5
    icc.loc[icc.feature == "f6", "low"] = 0.7
    icc.loc[(icc.feature == "f8") & (icc.comparison == "between"), ["icc", "low"]] = np.nan
    steps = fell(fit_selection(x, NAMES, y, groups, CONFIG, icc=icc))
    assert [name for name, step in steps.items() if step == "ICC"] == ["f5", "f8"]
    lower = SelectionConfig(icc_bound="lower")
    steps = fell(fit_selection(x, NAMES, y, groups, lower, icc=icc))
    assert [name for name, step in steps.items() if step == "ICC"] == ["f6", "f8"]
    assert all(steps[name] != "ICC" for name in NAMES[20:])  # the table does not list them


def test_no_feature_left_is_refused() -> None:
    _, y, groups = drawn()
    with pytest.raises(UltrasoundError, match="None of 30 features is left"):
        fit_selection(np.ones((N, P)), NAMES, y, groups, CONFIG)


def test_an_empty_lasso_keeps_the_first_feature_of_its_path_and_says_so() -> None:
    # Each feature has the same values in both classes: no penalty finds anything to keep.
    half = np.random.default_rng(3).normal(size=(20, 3))
    x, y = np.vstack([half, half]), np.repeat([0, 1], 20)
    selection = fit_selection(x, ["a", "b", "c"], y, np.arange(40), CONFIG)
    assert len(selection.sets["lasso"]) == 1
    assert selection.remark == "LASSO would keep no feature; the first on its path is kept."
    assert (selection.table()["fell_at"] == "kept").sum() == 1


def test_lasso_finds_what_made_the_label() -> None:
    random = np.random.default_rng(4)
    x = random.normal(size=(300, P))
    y = (x[:, 3] - x[:, 9] + 0.3 * random.normal(size=300) > 0).astype(int)
    selection = fit_selection(x, NAMES, y, np.arange(300), CONFIG)
    weights = dict(zip(selection.names, selection.values, strict=True))
    assert weights["f3"] > 0.1
    assert weights["f9"] < -0.1
    assert {3, 9} <= set(selection.sets["lasso"].tolist())
