"""Several processes that train one network."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
from sklearn.metrics import roc_auc_score

from napari_ptx.ultrasound import UltrasoundError
from napari_ptx.ultrasound.deep_main import JOB, train_together

from .deep_cases import TINY, make_crops


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path):
    calls: list[tuple[int, int]] = []
    config = replace(TINY, epochs=4, patience=4)
    trained = train_together(
        make_crops(48, 1),
        make_crops(16, 2),
        config,
        tmp_path,
        processes=2,
        note="discs",
        progress=lambda done, total, text: calls.append((done, total)),
    )
    fresh = make_crops(40, 3)
    assert roc_auc_score(fresh.labels, trained.predict(fresh)) > 0.9
    assert trained.facts["processes"] == 2
    assert trained.note == "discs"
    assert [row.epoch for row in trained.epochs] == [1, 2, 3, 4]
    assert not (tmp_path / JOB).exists()
    assert calls[0] == (0, 4)
    assert all(np.isfinite(row.auc_train) for row in trained.epochs)


@pytest.mark.slow
def test_a_refusal_in_the_processes_is_one_sentence(tmp_path):
    config = replace(TINY, batch=9)
    with pytest.raises(UltrasoundError, match="batch of 9 cannot be shared by 2"):
        train_together(make_crops(8, 1), make_crops(4, 2), config, tmp_path, processes=2)


_PROGRAM = """
import sys
from dataclasses import replace
from tests.ultrasound.deep_cases import TINY, make_crops
from napari_ptx.ultrasound.deep_main import train_together
config = replace(TINY, epochs=500, patience=500)
train_together(make_crops(64, 1), make_crops(8, 2), config, sys.argv[1], processes=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_a_kill_ends_all_processes(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(tmp_path)])
    deadline = time.monotonic() + 200
    while not (tmp_path / "epochs.csv").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert _named(str(tmp_path)) >= 3  # the one above, torchrun and its two
    process.kill()
    process.wait()
    while _named(str(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _named(word: str) -> int:
    """How many processes have a word in their command line."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            count += word.encode() in (folder / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
    return count
