from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_ptx.cli.study import app
from napari_ptx.study import Study, StudyError
from tests.study.make import write_images


def run(*arguments: object) -> int:
    status = app(args=[str(argument) for argument in arguments], standalone_mode=False)
    return int(status or 0)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return write_images(tmp_path, 4)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """The file that the command writes, as a coordinator fills it in."""
    path = tmp_path / "protocol.toml"
    run("protocol", "-o", path)
    text = (
        path.read_text().replace("reread = 100", "reread = 2").replace("# years = 5", "years = 5")
    )
    for empty in ('role = ""', 'training = ""'):
        text = text.replace(empty, empty.replace('""', '"told"'))
    path.write_text(text)
    return path


def test_a_study_from_a_file_and_its_amendments(
    cohort: Path, filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "s.ptx"
    assert run("new", study, "--cohort", cohort, "--protocol", filled, "--name", "Neck") == 0
    capsys.readouterr()
    run("protocol", study, "--json")
    first = json.loads(capsys.readouterr().out)
    assert first["protocol"]["described"][1]["role"] == "told"
    assert first["protocol"] == first["original"]
    assert first["amendments"] == []
    why = ("--reason", "The board asked.")
    run("amend", study, *why, "--set", "washout_days=90", "--set", "icc_bound=point")
    assert "Amended: washout_days, icc_bound" in capsys.readouterr().out
    filled.write_text(filled.read_text().replace("washout_days = 60", "washout_days = 30"))
    run("amend", study, "--reason", "On leave.", "--protocol", filled)
    capsys.readouterr()
    run("protocol", study, "-o", tmp_path / "now.toml", "--json")
    last = json.loads(capsys.readouterr().out)
    assert [one["reason"] for one in last["amendments"]] == ["The board asked.", "On leave."]
    assert (last["original"], last["hash"]) == (first["original"], first["hash"])
    assert last["protocol"]["washout_days"] == 30
    assert "washout_days = 30" in (tmp_path / "now.toml").read_text()
    run("protocol", study)
    shown = capsys.readouterr().out
    for text in ("washout_days", "30", "60", "A: told, 5 years, told", "On leave.", last["hash"]):
        assert text in shown
    with Study.open(study) as opened:
        assert opened.verify() == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--protocol", "FILE", "--readers", "A", "--seed", 3), "leave out --readers, --seed"),
        ((), "Name the readers"),
        (("--protocol", "absent.toml"), "absent.toml cannot be read"),
    ],
)
def test_a_file_and_options_are_not_mixed(
    cohort: Path, filled: Path, options: tuple[object, ...], sentence: str
) -> None:
    given = [filled if option == "FILE" else option for option in options]
    with pytest.raises(StudyError, match=sentence):
        run("new", cohort.with_name("s.ptx"), "--cohort", cohort, *given)
    assert not cohort.with_name("s.ptx").exists()


def test_amend_and_protocol_say_what_they_need(cohort: Path, filled: Path) -> None:
    study = cohort.with_name("s.ptx")
    run("new", study, "--cohort", cohort, "--readers", "A")
    for arguments, sentence in (
        (("amend", study, "--reason", "x"), "Give the amended protocol"),
        (("amend", study, "--reason", "x", "--protocol", filled, "--set", "a=1"), "Give the"),
        (("amend", study, "--reason", " ", "--set", "washout_days=1"), "needs a reason"),
        (("amend", study, "--reason", "x", "--set", "seed=5"), "seed cannot be amended"),
        (("protocol",), "Name a study"),
    ):
        with pytest.raises(StudyError, match=sentence):
            run(*arguments)
