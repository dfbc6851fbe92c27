from __future__ import annotations

import json

import pytest

from napari_ptx.cli.stats import app
from napari_ptx.cli.tables import TableError


def run(*arguments: object) -> int:
    status = app(args=[str(argument) for argument in arguments], standalone_mode=False)
    return int(status or 0)


def test_a_plan_and_its_inverse(capsys: pytest.CaptureFixture[str]) -> None:
    # Walter 1998: 0.6 against 0.8, two ratings, 5% one-sided, 80% power: 39 subjects.
    options = ("--expected", 0.8, "--threshold", 0.6, "--form", "1,1", "--confidence", 0.9)
    assert run("plan-icc", *options, "--json") == 0
    assert json.loads(capsys.readouterr().out)["assured"] == 39
    run("plan-icc", "--cases", 100, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert (round(answer["needed"], 3), answer["name"]) == (0.861, "ICC(A,1) = ICC(2,1)")
    run("plan-icc", *options, "--cases", 39)
    text = capsys.readouterr().out
    assert "39 cases need an observed ICC of" in text
    assert "equal means" in text
    with pytest.raises(TableError, match="Give the ICC you expect"):
        run("plan-icc")
