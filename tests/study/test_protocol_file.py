"""Protocol files: what is written is read again, and each fault names its field."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ptx.study import Protocol, ReaderInfo, StudyError
from napari_ptx.study.protocol import BOUNDS, DESIGNS, DRAWS, ICC_FORMS, QUEUES
from napari_ptx.study.protocol_file import (
    LIU_2026,
    changed_by,
    protocol_text,
    read_protocol,
    write_protocol,
)

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text != ""
)
PEOPLE = tuple(ReaderInfo(name, "sonographer", 4, "30 outlines") for name in ("A", "B"))
FILLED = dataclasses.replace(LIU_2026, described=PEOPLE)


@settings(max_examples=30, deadline=None)
@given(
    texts=st.tuples(TEXT, TEXT),
    years=st.one_of(st.integers(0, 60), st.floats(0, 60)),
    numbers=st.tuples(*[st.integers(0, 2**31 - 1)] * 3),
    lengths=st.tuples(*[st.floats(0.01, 50)] * 3),
    limits=st.tuples(*[st.one_of(st.none(), st.floats(0.01, 1))] * 2),
    flags=st.tuples(*[st.booleans()] * 3),
    choices=st.tuples(*map(st.sampled_from, (DESIGNS, DRAWS, ICC_FORMS, BOUNDS, QUEUES))),
    senior=st.sampled_from([None, "Dr Ü", 'the "chief"']),
)
def test_what_is_written_is_read_again(
    texts, years, numbers, lengths, limits, flags, choices, senior
) -> None:
    people = [ReaderInfo(name, texts[0], years, texts[1]) for name in ("A", "B b", senior) if name]
    protocol = Protocol(
        readers=("A", "B b"),
        described=tuple(people),
        adjudicator=senior,
        reread=numbers[0],
        washout_days=numbers[1],
        seed=numbers[2],
        icc_threshold=0.5,
        tolerance_mm=lengths[0],
        idle_seconds=lengths[1],
        disagree_dice=limits[0],
        disagree_hd95_mm=lengths[2] if limits[1] else None,
        ask_seen=flags[0],
        disagree_lesions=flags[1],
        mask_text=flags[2],
        measurands=("perimeter", "area"),
        **dict(
            zip(
                ("design", "reread_draw", "icc_form", "icc_bound", "adjudicate"),
                choices,
                strict=True,
            )
        ),
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        assert read_protocol(write_protocol(Path(folder, "p.toml"), protocol)) == protocol


def test_the_template_has_liu_2026_and_asks_who_the_readers_are(tmp_path: Path) -> None:
    value = tomllib.loads(protocol_text(LIU_2026))
    told = {key: value[key] for key in ("reread", "washout_days", "icc_form", "icc_threshold")}
    assert told == {"reread": 100, "washout_days": 60, "icc_form": "A,1", "icc_threshold": 0.8}
    assert len(value["reader"]) == 2
    with pytest.raises(StudyError) as error:
        read_protocol(write_protocol(tmp_path / "p.toml", LIU_2026))
    assert "p.toml does not say who" in error.value.message
    assert error.value.details == (
        "A lacks role, years, training",
        "B lacks role, years, training",
    )
    with pytest.raises(StudyError, match="is there already"):
        write_protocol(tmp_path / "p.toml", LIU_2026)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("reread = 100", 'reread = "all"', "reread: write a whole number, not 'all'"),
        ("ask_seen = false", "ask_seen = 1", "ask_seen: write true or false, not 1"),
        ("icc_threshold = 0.8", "icc_threshold = 1.8", "threshold 1.8 is not between 0 and 1"),
        ("seed", "sead", "sead: there is no such field"),
        ("years = 4", 'years = "four"', r"reader 1 \(A\), years: write a number, not 'four'"),
        ('name = "B"', 'name = "A"', "Two readers have the same name"),
        ('name = "B"', 'nome = "B"', "reader 2: give a name"),
        ("[[reader]]", "[[raeder]]", "reader: describe each reader"),
        ('"area", ', '"volume", ', "volume cannot be measured"),
        ('design = "independent"', 'design = "both"', "design is 'both'"),
        ("reread = 100", "reread = ", "is not a TOML file"),
    ],
)
def test_a_fault_names_the_file_and_the_field(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(protocol_text(FILLED).replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=r"wrong\.toml") as error:
        read_protocol(path)
    assert error.match(sentence)


def test_single_fields_are_set_by_name() -> None:
    new = changed_by(
        FILLED,
        ["washout_days=90", "measurands=area, perimeter", "disagree_dice=none", "icc_bound=point"],
    )
    assert (new.washout_days, new.icc_bound) == (90, "point")
    assert (new.measurands, new.disagree_dice) == (("area", "perimeter"), None)
    assert changed_by(changed_by(FILLED, ["adjudicator=C"]), ["adjudicator=none"]) == FILLED
    for wrong in ("washout_days", "readers=A", "washout_days=soon", "ask_seen=maybe"):
        with pytest.raises(StudyError, match=wrong.partition("=")[0]):
            changed_by(FILLED, [wrong])
