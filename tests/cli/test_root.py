from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

import napari_ptx
from napari_ptx.cli import doctor, launch
from napari_ptx.cli.root import run
from napari_ptx.errors import refused_by_system


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from napari_ptx.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"napari-ptx {napari_ptx.__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("study", "stats", "agreement", "demo", "doctor"):
        assert f" {name} " in text


def test_expected_error_is_one_sentence_on_standard_error_and_status_2(tmp_path: Path) -> None:
    done = command("agreement", str(tmp_path / "none.ptx"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "none.ptx" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ")


def test_what_the_system_refuses_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders that cannot be: a file stands there, or nothing may be written."""
    table = tmp_path / "cohort.csv"
    image = Path("a.nii.gz")
    table.write_text(f"patient,phase,image\nP1,plain,{image}\n", encoding="utf-8")
    (tmp_path / image).write_bytes(b"-")
    for out in (table, table / "below"):
        assert run(["ct", "register", str(table), "-o", str(out)]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"Error: {out} cannot be read or written (")
        assert told.endswith("check the path and your rights to it, or choose another.\n")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left", "a.nii"), "The disk with a.nii is full (No spa"),
        (OSError(errno.ENOSPC, "No space left"), "The disk is full (No space left); make room"),
        (PermissionError(errno.EACCES, "denied", "/x"), "/x cannot be read or written (denied)"),
        (OSError(errno.EINVAL, "Invalid argument", "a"), ""),  # likely a fault of ours
        (OSError("a decoder's"), ""),
        (ValueError("no"), ""),
    ],
)
def test_only_what_a_user_can_mend_is_the_systems(error: Exception, sentence: str) -> None:
    assert refused_by_system(error).startswith(sentence)
    assert bool(refused_by_system(error)) == bool(sentence)


def test_wrong_option_is_status_2_without_a_traceback() -> None:
    done = command("agreement", "--colour", "blue")
    assert done.returncode == 2
    assert "--colour" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_loads_neither_qt_nor_napari_nor_torch() -> None:
    code = (
        "import sys; from napari_ptx.cli.root import run; run(['--help']); "
        "heavy = {'qtpy', 'PyQt6', 'PySide6', 'napari', 'torch'} & set(sys.modules); "
        "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_app_without_a_screen_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "has_screen", lambda: False)
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: object())
    assert run([]) == 2
    assert "xvfb-run napari-ptx" in capsys.readouterr().err


def test_app_without_napari_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    assert run([]) == 2
    assert "napari-ptx[app]" in capsys.readouterr().err


def test_app_on_a_study_that_is_not_there_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--open", str(tmp_path / "none.ptx")]) == 2
    assert "none.ptx" in capsys.readouterr().err


def test_doctor_names_a_missing_library_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = doctor.ctypes.util.find_library
    monkeypatch.setattr(
        doctor.ctypes.util,
        "find_library",
        lambda name: None if name == "xcb-cursor" else found(name),
    )
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    assert run(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "libxcb-cursor0" in text.splitlines()[-1] or "apt-get install" in text
    assert "libxcb-cursor0" in text


def test_doctor_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)
    python = next(check for check in checks if check["what"] == "Python")
    assert python["ok"] is True
    assert python["found"] == ".".join(map(str, sys.version_info[:3]))
