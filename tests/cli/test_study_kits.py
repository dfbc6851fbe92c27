from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_ptx.errors import PtxError
from napari_ptx.study import Kit, StudyError
from tests.cli.test_study import cohort, run, study
from tests.study.make import square

__all__ = ["cohort", "study"]


def test_a_kit_out_and_home(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kit = study.with_name("A1.ptxkit")
    assert run("kit", study, "--reader", "A", "--round", 1, "-o", kit, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["kit"], answer["cases"]) == (str(kit), 5)
    assert answer["bytes"] == kit.stat().st_size
    assert run("status", study) == 0
    assert "out as a kit" in capsys.readouterr().out
    with Kit(kit).desk() as desk:
        desk.record(0, [square(3)], "freehand", {}, 1.0)
        desk.finish(0)
    assert run("merge", study, kit, "--json") == 0
    (merged,) = json.loads(capsys.readouterr().out)["merged"]
    assert (merged["strokes"], merged["readings"], merged["cases"]) == (2, 1, 5)
    assert run("merge", study, kit) == 0
    assert "0 new readings (0 new strokes) of A, round 1; 1 of 5" in capsys.readouterr().out
    assert run("verify", study) == 0


def test_a_kit_that_does_not_come_back(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kit = study.with_name("A1.ptxkit")
    for options in ((), ("-o", kit, "--withdraw", "lost")):
        with pytest.raises(PtxError, match="Give either"):
            run("kit", study, "--reader", "A", *options)
    run("kit", study, "--reader", "A", "-o", kit)
    assert "5 cases of A, round 1" in capsys.readouterr().out
    run("kit", study, "--reader", "A", "--withdraw", "lost")
    assert "opens at the study again" in capsys.readouterr().out
    with pytest.raises(StudyError, match="withdrawn"):
        run("merge", study, kit)
    with pytest.raises(StudyError, match="after round 1 is finished"):
        run("kit", study, "--reader", "B", "--round", 2, "-o", kit.with_name("B2.ptxkit"))
