"""The desk that the tabs of the dock share: no window, no Qt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_ptx.ct.config import ModelSettings
from napari_ptx.docks.gland_desk import GlandDesk
from napari_ptx.report.gland_review import check_review

pytestmark = pytest.mark.once


@pytest.fixture
def heard() -> list[Any]:
    return []


@pytest.fixture
def desk(heard: list[Any]):
    made = GlandDesk()
    for name in ("closing", "opened", "patient_changed", "changed"):
        getattr(made, name).connect(lambda name=name: heard.append(name))
    made.place_wanted.connect(lambda *place: heard.append(place))
    yield made
    made.release()


def test_a_desk_opens_goes_and_closes(desk: GlandDesk, heard: list[Any], out: Path) -> None:
    assert desk.patients == ()
    assert desk.open(out)
    assert heard == ["opened", "patient_changed"]
    assert desk.cohort is not None
    assert desk.cohort.resolve() == (out.parent / "cohort.csv").resolve()
    assert (desk.patient, desk.neighbour(1), desk.neighbour(-1)) == ("P1", "P2", None)
    heard.clear()
    desk.jump_to("P2", (1.0, 2.0, 3.0))
    assert heard == ["patient_changed", ("P2", (1.0, 2.0, 3.0))]
    desk.jump_to("nobody", (0.0, 0.0, 0.0))
    assert desk.patient == "P2"
    heard.clear()
    desk.close()
    assert heard == ["closing", "opened", "patient_changed"]
    assert (desk.folder, desk.record, desk.patient) == (None, None, None)


def test_decisions_need_a_name_and_are_undone(
    desk: GlandDesk, heard: list[Any], out: Path, told: list[str]
) -> None:
    desk.open(out)
    heard.clear()
    assert desk.decide("P1", "candidate", "1", "accepted") is None
    assert "needs the name" in told[0]
    assert heard == []
    desk.set_who(" Ada ")
    assert GlandDesk().who == "Ada"  # remembered
    decision = desk.decide("P1", "candidate", "1", "accepted")
    assert (decision.who, decision.number) == ("Ada", 1)
    assert desk.decide("P1", "candidate", "1", "accepted") is None  # it holds already
    assert desk.undo().undoes == 1
    assert desk.undo() is None
    assert heard == ["changed", "changed"]
    assert desk.record.value("P1", "candidate", "1") is None


def test_what_is_open_stays_when_another_cannot_be_opened(
    desk: GlandDesk, out: Path, told: list[str]
) -> None:
    desk.open(out)
    assert not desk.open(out.parent)
    assert "no prediction.json" in told[0]
    assert desk.folder == out
    about = json.loads((out / "prediction.json").read_text())
    settings = ModelSettings(classes={"right": (3,), "left": (4,)})
    about["configuration"] = {"settings": settings.to_json()}
    shutil.copytree(out, out.parent / "structures")
    (out.parent / "structures" / "prediction.json").write_text(json.dumps(about))
    assert not desk.open(out.parent / "structures")
    assert "structures outlines right, left, not glands" in told[1]
    assert desk.folder == out
    (out.parent / "cohort.csv").rename(out.parent / "images.csv")
    desk.open(out)
    assert desk.cohort is None
    desk.set_cohort(out.parent / "images.csv")
    assert desk.cohort == out.parent / "images.csv"


def test_decisions_on_other_candidates_are_not_shown(
    desk: GlandDesk, out: Path, told: list[str]
) -> None:
    """A decision names a candidate by its number: in another table it would be another one."""
    desk.open(out)
    desk.set_who("Ada")
    desk.decide("P1", "candidate", "1", "accepted")
    desk.close()
    table = out / "candidates.csv"
    before = table.read_bytes()
    lines = before.splitlines(keepends=True)
    table.write_bytes(b"".join(lines[:-1]))
    assert not desk.open(out)
    assert "are not those that glands.review was begun with" in told[0]
    problems = [problem.text for problem in check_review(out)]
    assert len(problems) == 1
    assert "put the table back as it was" in problems[0]
    table.write_bytes(before)
    assert desk.open(out)
    assert desk.record.current("candidate")["P1", "1"].value == "accepted"
    assert check_review(out) == ()
