"""The input of iMRMC: there and back, and as the FDA's own program parses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_ptx.stats import StatsError, mrmc
from napari_ptx.stats.imrmc import from_imrmc, to_imrmc
from napari_ptx.stats.mrmc_table import ratings
from tests.stats.van_dyke import columns

# The head and some lines of a file in iMRMC's own folder of tests (simulated input).
THEIRS = """Simulated iMRMC input from 15-01-22-17-49-14

NR: 1
N0: 2
N1: 1
NM: 2

AUC1: 0.757

BEGIN DATA:
-1,1,0,0
-1,2,0,0
-1,51,0,1
1,1,1,1.4148407936129708
1,1,2,1.9860558572407623
1,2,1,1.239129193128461
1,2,2,2.2975233805103255
1,51,1,1.5345930514580552
1,51,2,0.17549669953416908
"""


def as_java_does(text: str) -> tuple[dict[str, int], dict[str, str], dict[tuple[str, ...], float]]:
    """Follow InputFile.java: counts after "N0:" and so on, cells by comma, no white space."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.upper().find("BEGIN DATA:") == 0)
    counts = {}
    for line in lines[:begin]:
        for key in ("N0:", "N1:", "NR:", "NM:"):
            if key in line.upper():
                counts[key[:2]] = int(line[3:].strip())
    cells = [["".join(cell.split()) for cell in line.split(",")] for line in lines[begin + 1 :]]
    truth = {row[1]: row[3] for row in cells if row[0] in ("truth", "-1")}
    scores = {tuple(row[:3]): float(row[3]) for row in cells if row[0] not in ("truth", "-1")}
    assert len(truth) + len(scores) == len(cells)
    return counts, truth, scores


def test_a_real_study_goes_out_and_comes_back() -> None:
    """Van Dyke 1993: the same cells, and the same analysis."""
    table = columns()
    text = to_imrmc(ratings(table), "Van Dyke: N0: of 69")
    counts, truth, scores = as_java_does(text)
    assert counts == {"NR": 5, "N0": 69, "N1": 45, "NM": 2}
    assert set(truth.values()) == {"0", "1"}
    for reader, modality, case, positive, rating in zip(
        *(table[name] for name in ("reader", "modality", "case", "truth", "rating")), strict=True
    ):
        assert scores[str(reader), str(case), str(modality)] == rating
        assert truth[str(case)] == str(positive)
    again = from_imrmc(text)
    ours, back = ratings(table), ratings(again)
    assert (ours.readers, ours.modalities, ours.cases) == (
        back.readers, back.modalities, back.cases,
    )  # fmt: skip
    np.testing.assert_array_equal(ours.values, back.values)
    np.testing.assert_array_equal(ours.positive, back.positive)
    assert mrmc(again).to_json() == mrmc(table).to_json()


def test_a_file_of_theirs_is_read() -> None:
    found = from_imrmc(THEIRS)
    assert found["case"] == ["1", "1", "2", "2", "51", "51"]
    assert found["truth"] == [0, 0, 0, 0, 1, 1]
    assert found["rating"][3] == 2.2975233805103255
    of_r = THEIRS.replace("-1,51,0,1", "truth, 51 ,truth,1,,")
    assert from_imrmc(of_r) == found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("BEGIN DATA:", "DATA", "no line BEGIN DATA"),
        ("N0: 2", "N0: 3", "says N0: 3, but its data have 2"),
        ("-1,2,0,0", "-1,1,0,0", "Line 12 gives the truth of case 1 again"),
        ("-1,2,0,0\n", "", "Case 2 has no line of truth"),
        ("-1,2,0,0", "-1,2,0,2", "Line 12 has a truth that is neither"),
        ("1,1,2,1.9860558572407623", "1,1,2", "Line 15 has not four cells"),
        ("1.9860558572407623", "high", "Line 15 has the score 'high'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, words: str) -> None:
    with pytest.raises(StatsError, match=words):
        from_imrmc(THEIRS.replace(old, new))


def test_names_that_imrmc_would_take_for_others_are_refused() -> None:
    table = columns()
    names = {**table, "reader": [f"Dr, {reader}" for reader in table["reader"]]}
    assert "Dr_1,1,1," in to_imrmc(ratings(names), "")
    for reader, words in (
        ({"1": "a b", "2": "a,b"}, "would both be called 'a_b'"),
        ({"1": "-1"}, "cannot be called '-1'"),
    ):
        changed = [reader.get(str(one), str(one)) for one in table["reader"]]
        with pytest.raises(StatsError, match=words):
            to_imrmc(ratings({**table, "reader": changed}), "t")
    few = [i for i, case in enumerate(table["case"]) if case in few_cases(table)]
    cut = {name: [values[i] for i in few] for name, values in table.items()}
    with pytest.raises(StatsError, match="at least 3 cases of each class, and there are 2 pos"):
        to_imrmc(ratings(cut), "t")


def few_cases(table: dict[str, list]) -> set:
    """Give two positive and four negative cases."""
    by_truth: dict[int, list] = {0: [], 1: []}
    for case, truth in zip(table["case"], table["truth"], strict=True):
        if case not in by_truth[int(truth)]:
            by_truth[int(truth)].append(case)
    return {*by_truth[1][:2], *by_truth[0][:4]}


def test_text_is_utf8_lines(tmp_path: Path) -> None:
    text = to_imrmc(ratings(columns()), "Zoë:\nN0: 3")
    assert text.splitlines()[0] == "Zoë N0 3"
    assert text.endswith("\n")
