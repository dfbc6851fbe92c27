"""A kit's every byte is searched for what was planted where a reader must not look."""

from __future__ import annotations

import base64
import csv
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_ptx.study import Kit, Protocol, ReaderInfo, Study
from tests.image.make import dataset, region, save
from tests.study.make import Clock, square

PIXELS = b"CanaryBurnedIn"
NAMES = (
    *("CanaryCase", "CanaryPatient", "CanaryFile", "CanaryFolder", "CanaryTable", "CanaryHome"),
    *("CanaryLabel", "CanaryExtra", "CanaryColumn", "CanaryStudy", "CanaryAdjudicator"),
    *("CanaryTagName", "CanaryTagId", "CanaryTagSeries", "CanaryTagPrivate", "CanaryTagSop"),
    *("CanaryInstitution", "19770431", "CanaryReason", "CanaryAction", "CanaryNote"),
    *("CanaryDescribed", "CanaryEarly", "76.625", "32.875"),
)
DATES = ("2026-01-05", "2026-01-06", "2026-01-07", "2026-04-01")
"""When the study was made, and when A read first and B read at all; not the kit's own day."""
LIMITS = ("0.6789", "0.5678", "61.25")
"""The protocol's thresholds, which say what the study looks at."""


def encodings(canary: str | bytes) -> set[bytes]:
    """Give a canary in the encodings in which it could lie in a file."""
    plain = canary if isinstance(canary, bytes) else canary.encode()
    found = {plain, plain[::-1], plain.hex().encode(), plain.hex().upper().encode()}
    text = plain.decode("ascii")
    found |= {text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("utf-32-le")}
    found |= {text.lower().encode(), text.upper().encode()}
    for shift in range(3):  # base64 of the canary, wherever in a text it began
        coded = base64.b64encode(b"\0" * shift + plain)
        found.add(coded[(0, 2, 3)[shift] : len(coded) // 4 * 4 - 4])
    return {form for form in found if len(form) >= 6}


def contents(path: Path) -> Iterator[bytes]:
    """Give all that lies in a file: its bytes, and whatever of them can be decompressed."""
    yield path.read_bytes()
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        )]  # fmt: skip
        for table in tables:
            for row in db.execute(f"SELECT * FROM {table}"):
                for value in row:
                    yield value if isinstance(value, bytes) else str(value).encode()
                    if isinstance(value, bytes):
                        yield zlib.decompress(value)
    db.close()


def hits(path: Path, canaries: tuple[str | bytes, ...]) -> list[str | bytes]:
    held = list(contents(path))
    return [
        canary
        for canary in canaries
        if any(form in part for form in encodings(canary) for part in held)
    ]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Give a study of DICOM files, read by two people, with a canary in every corner."""
    folder = tmp_path / "CanaryHome" / "CanaryFolder"
    folder.mkdir(parents=True)
    with (folder / "CanaryTable.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("case", "patient", "image", "label", "CanaryColumn"))
        for number in range(3):
            pixels = np.random.default_rng(number).integers(1, 200, (60, 80), np.uint8)
            pixels[2, : len(PIXELS)] = np.frombuffer(PIXELS, np.uint8)
            made = dataset(
                pixels,
                PatientName="CanaryTagName^Mary",
                PatientID="CanaryTagId",
                PatientBirthDate="19770431",
                StudyDescription="CanaryTagSeries",
                SeriesDescription="CanaryTagSeries",
                ImageComments="CanaryTagSop",
                InstitutionName="CanaryInstitution",
                StudyDate="20260107",
                SequenceOfUltrasoundRegions=[region((10, 10, 49, 69))],
            )
            made.private_block(0x0099, "CanaryTagPrivate", create=True).add_new(
                1, "LO", "CanaryTagPrivate"
            )
            save(made, folder / f"CanaryFile{number}.dcm")
            table.writerow((f"CanaryCase{number}", f"CanaryPatient{number}",
                            f"CanaryFile{number}.dcm", "CanaryLabel", "CanaryExtra"))  # fmt: skip
    clock = Clock()
    protocol = Protocol(
        ("A", "CanaryReader"),
        reread=2,
        described=(ReaderInfo("CanaryReader", "CanaryDescribed", 7, "CanaryDescribed"),),
        adjudicator="CanaryAdjudicator",
        icc_threshold=0.6789,
        disagree_dice=0.5678,
        disagree_hd95_mm=61.25,
        washout_days=61,
        mask_text=True,
    )
    made = Study.create(
        folder / "CanaryStudy.ptx", folder / "CanaryTable.csv", protocol, clock=clock
    )
    for reader, left in (("A", 33.375), ("CanaryReader", 77.125)):
        clock.advance(days=1)
        with made.desk(reader, 1, clock=clock) as desk:
            for index in range(2):
                desk.record(index, [square(15, left)], "CanaryAction", {"note": "CanaryNote"}, 1.0)
                desk.finish(index)
            desk.finish(2, not_assessable="CanaryReason")
    clock.time = clock.time.replace(month=3, day=15, hour=7)
    return made


def test_the_search_finds_what_is_there(study: Study) -> None:
    """Every canary was planted: the search finds it in the study and its files."""
    found = set(hits(study.path, (*NAMES, *DATES, *LIMITS)))
    found |= {"CanaryHome", "CanaryFolder", "CanaryTable"}  # in the paths of the files alone
    in_tags = b"".join(path.read_bytes() for path in study.path.parent.glob("*.dcm"))
    found |= {name for name in NAMES if name.encode() in in_tags}
    assert set(NAMES) - found == {"CanaryEarly"}
    assert PIXELS in in_tags
    # That one, and the forms of the encodings.
    for text in (
        base64.b64encode(b"x CanaryEarly and more"),
        base64.b64encode(b"CanaryEarly").rstrip(b"="),
        base64.b64encode(b"ab CanaryEarly...").rstrip(b"="),
        "CanaryEarly".encode("utf-16"),
        b"CanaryEarly".hex().encode(),
    ):
        assert any(form in text for form in encodings("CanaryEarly")), text


@pytest.mark.once
def test_no_kit_holds_a_canary(study: Study, tmp_path: Path) -> None:
    clock = study._clock
    assert isinstance(clock, Clock)
    sessions = [("A", 2, "CanaryEarly"), ("CanaryReader", 2, "CanaryEarly")]
    twin = Study.create(
        study.path.with_name("twin.ptx"),
        study.path.with_name("CanaryTable.csv"),
        study.protocol,
        name="CanaryStudy",
        clock=clock,
    )
    searched = 0
    own = {"CanaryReader"}
    for made, who, round_, early in (
        *((study, who, round_, early) for who, round_, early in sessions),
        *((twin, who, 1, None) for who in ("A", "CanaryReader")),
    ):
        path = tmp_path / f"{made.path.stem}-{who}{round_}.ptxkit"
        made.make_kit(who, round_, path, early_reason=early)
        canaries = (*NAMES, *DATES, *LIMITS, PIXELS, str(tmp_path), "CanaryReader")
        for searching in ("as made", "in use"):
            found = [one for one in hits(path, canaries) if one not in (own if who != "A" else ())]
            assert found == [], f"{path.name}, {searching}"
            searched += 1
            with Kit(path, clock=clock).desk() as desk:
                for case in desk.cases:
                    image = desk.image(case.index)
                    assert not image.pixels[:10].any()
                    assert image.pixels[10:50, 10:70].any()
                    desk.record(case.index, [square(20, 20)], "freehand", {}, 1.0)
        # Nothing lies beside it either, but for the lock.
        beside = [one.name for one in tmp_path.glob(f"*{path.name}*") if one != path]
        assert all(name.startswith(".") and ".lock" in name for name in beside)
    assert searched == 8


def test_burned_in_text_is_black_at_the_study_too(study: Study) -> None:
    with study.desk("A", 2, early_reason="test") as desk:
        image = desk.image(0)
        whole = {case.sha256: case.case for case in study.cases()}
        assert image.sha256 not in whole  # the record knows the file, not what is shown
        assert not image.pixels[:10].any()
        assert not image.pixels[:, 70:].any()
        originals = [study.image(case).pixels[10:50, 10:70] for case in whole.values()]
        assert any(np.array_equal(image.pixels[10:50, 10:70], one) for one in originals)
        desk.record(0, [square(20, 20)], "freehand", {}, 1.0)
        desk.finish(0)
    assert study.verify(images=True) == ()
