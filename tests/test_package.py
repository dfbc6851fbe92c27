from __future__ import annotations

import subprocess
import sys

import pytest

from napari_ptx.child import Child, ChildDied, ChildFault, ChildTimeout
from napari_ptx.errors import PtxError
from napari_ptx.roi.outline import RoiError


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, napari_ptx; "
        "heavy = {'qtpy', 'PyQt6', 'PySide6', 'napari', 'torch', 'pandas', 'highdicom'} & "
        "set(sys.modules); "
        "sys.exit(f'loaded: {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def child():
    with Child() as process:
        yield process


def test_child_answers_and_stays_warm(child: Child) -> None:
    first = child.call("os:getpid")
    assert child.call("math:hypot", 3, 4) == 5.0
    assert child.call("os:getpid") == first


def test_child_that_prints_does_not_corrupt_its_answer(child: Child) -> None:
    assert child.call("builtins:print", "to standard output") is None
    assert child.call("math:sqrt", 9) == 3.0


def test_child_that_hangs_is_stopped_and_replaced(child: Child) -> None:
    with pytest.raises(ChildTimeout):
        child.call("time:sleep", 60, timeout=0.5)
    assert child.call("math:sqrt", 9) == 3.0


def test_child_that_dies_is_told_and_replaced(child: Child) -> None:
    with pytest.raises(ChildDied):
        child.call("os:abort")
    assert child.call("math:sqrt", 9) == 3.0


def test_child_raises_expected_errors_as_they_are_and_faults_with_their_traceback(
    child: Child,
) -> None:
    with pytest.raises(ChildFault, match="ZeroDivisionError"):
        child.call("operator:truediv", 1, 0)
    with pytest.raises(RoiError, match="at least 3 vertices") as caught:
        child.call("napari_ptx.roi.outline:Outline", [[0.0, 0.0], [1.0, 1.0]])
    assert isinstance(caught.value, PtxError)


def test_child_whose_answer_cannot_be_sent_says_so(child: Child) -> None:
    with pytest.raises(ChildFault, match="pickle"):
        child.call("threading:Lock")
    assert child.call("math:sqrt", 9) == 3.0
