from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_ptx.report import run_report
from napari_ptx.report.checklist import OPEN
from napari_ptx.report.facts import read_run
from napari_ptx.report.tripod import fill
from napari_ptx.report.tripod_items import ITEMS
from napari_ptx.ultrasound import UltrasoundError
from napari_ptx.ultrasound.evaluation import compare
from tests.report.make_run import MODELS, NOTE, make_run
from tests.report.page import Page

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "nested <1>")


@pytest.fixture(scope="module")
def page(nested: Path) -> Page:
    path = run_report(nested, replicates=50)
    assert path == nested / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_is_whole_and_needs_nothing_else(page: Page) -> None:
    assert not page.faults
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    anchors = [link for link in page.links if link.startswith("#")]
    sections = ("#results", "#figures", "#cases", "#models", "#made", "#tripod")
    assert set(sections) <= set(anchors)
    # drawings refer to their own parts; nothing comes from elsewhere
    assert [link for link in page.links if not link.startswith(("#", "data:image/"))] == []
    assert not re.search(r"\bnan\b|\bNone\b|\{\{|\}\}", page.text)


def test_what_the_data_were_and_what_counts_is_said(page: Page, nested: Path) -> None:
    assert f"Data: {NOTE}" in page.text
    assert "60 cases of 60 patients: carcinoma against adenoma" in page.text
    assert "Model run nested <1>" in page.text
    areas = compare(read_run(nested).predictions, clustered=False)
    for name, area, (low, high) in zip(MODELS, areas.auc, areas.ci(), strict=True):
        assert f"{name} {area:.3f} {low:.3f} to {high:.3f}" in page.text


def test_figures_are_drawn_in_the_page(nested: Path, page: Page) -> None:
    text = (nested / "report.html").read_text(encoding="utf-8")
    labels = re.findall(r'<svg role="img" aria-label="([^"]*)"', text)
    assert labels == [
        *(f"{name}, out-of-fold" for name in ("ROC", "Radar", "DeLong", "Calibration")),
        *(f"{name}, out-of-fold" for name in ("Decision", "Probabilities")),
        "Training of resnet-1ch",
        "Cases",
    ]


def test_cases_are_counted_and_described(page: Page) -> None:
    assert "c900: it has no label" in page.text
    assert "age, mean ± SD" in page.text
    assert "pth, median (Q1, Q3)" in page.text
    assert "Not described: comment." in page.text


def test_tripod_has_every_item_once_and_leaves_open_what_is_not_known(
    page: Page, nested: Path
) -> None:
    numbers = [item.number for item in ITEMS]
    assert len(numbers) == len(set(numbers)) == 52
    assert {int(re.sub("[a-g]", "", number)) for number in numbers} == set(range(1, 28))
    assert [name for name in page.ids if name.startswith("item-")] == [f"item-{n}" for n in numbers]
    answers = {answer.item.number: answer for answer in fill(read_run(nested))}
    for number in ("1", "5b", "6a", "8c", "17", "18a", "18d", "19", "25"):
        assert answers[number].state == "open"
        assert answers[number].missing == OPEN
    assert "Nested cross-validation in 2 folds" in answers["12a"].known
    assert "1-1: train" in answers["21"].known
    assert "567 radiomics features" in answers["9a"].known
    assert answers["9c"].state == "open"  # no ICC was given
    tally = [sum(a.state == state for a in answers.values()) for state in ("known", "partly")]
    assert f"{tally[0]} are filled from the run, {tally[1]} in part" in page.text


@pytest.mark.once
def test_augmented_copies_come_with_the_clustered_result(tmp_path: Path) -> None:
    note = "<script>alert(1)</script> & co"
    root = make_run(tmp_path / "paper", scheme="paper", copies=3, note=note)
    path = run_report(root, tmp_path / "page.html", replicates=50)
    assert path == tmp_path / "page.html"
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert not page.faults
    assert "40 augmented copies are in the cohort." in page.text
    assert "test: 30 of 45 rows are augmented copies" in page.text
    for name in ("ROC", "DeLong"):
        assert f'aria-label="{name}, test"' in text
        assert f'aria-label="{name}, test, clustered by patient"' in text
    here = read_run(root).predictions.of("test")
    low, high = compare(here, clustered=True).ci()[0]
    narrow_low, narrow_high = compare(here, clustered=False).ci()[0]
    assert f"{low:.3f} to {high:.3f} ({narrow_low:.3f} to {narrow_high:.3f})" in page.text
    assert "By split" in page.text
    # what the user wrote is text, not markup
    assert "<script" not in text
    assert f"Data: {note}" in page.text


def test_a_changed_or_unfinished_run_is_refused(tmp_path: Path) -> None:
    root = make_run(tmp_path / "run", cases=24)
    splits = root / "splits.csv"
    splits.write_text(splits.read_text() + "\n")
    with pytest.raises(UltrasoundError, match=r"splits\.csv has changed since the run was made"):
        run_report(root)
    assert not (root / "report.html").exists()
    (root / "manifest.json").unlink()
    with pytest.raises(UltrasoundError, match="is not a finished run"):
        run_report(root)
