"""Amendments: the original stays, the reason is kept, and what was drawn cannot change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from napari_ptx.study import Study, StudyError, amendments


def amend(study: Study, reason: str, **changed: object) -> tuple[str, ...]:
    with study._store.write() as db:
        protocol = dataclasses.replace(amendments.in_force(db), **changed)  # type: ignore[arg-type]
        return amendments.amend(db, protocol, reason, study._clock())


def test_an_amendment_is_in_force_and_the_original_stays(make_study: Callable[..., Study]) -> None:
    study = make_study(2, reread=1)
    before = study.protocol
    assert amend(study, "The readers were on leave.", washout_days=90) == ("washout_days",)
    assert amend(study, "As the ethics board asked.", icc_threshold=0.75) == ("icc_threshold",)
    with study._store.read() as db:
        first, second = amendments.amendments(db)
        assert amendments.original(db) == before
        assert amendments.in_force(db) == second.protocol
    assert (first.reason, first.changed) == ("The readers were on leave.", ("washout_days",))
    assert (second.protocol.washout_days, second.protocol.icc_threshold) == (90, 0.75)
    assert study.verify() == ()
    with Study.open(study.path) as again:
        assert again.protocol.washout_days == 90


@pytest.mark.parametrize(
    ("reason", "changed", "sentence"),
    [
        (" ", {"washout_days": 3}, "needs a reason"),
        ("x", {}, "nothing to amend"),
        ("x", {"reread": 0}, "reread cannot be amended"),
        ("x", {"seed": 9, "design": "aided"}, "seed, design cannot be amended"),
    ],
)
def test_what_cannot_be_amended(
    make_study: Callable[..., Study], reason: str, changed: dict[str, object], sentence: str
) -> None:
    study = make_study(2, reread=1)
    with pytest.raises(StudyError, match=sentence):
        amend(study, reason, **changed)
