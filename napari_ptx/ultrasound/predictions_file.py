"""Reading, checking and writing the files of a predictions table."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.predictions import (
    DEFAULT_RULE,
    DEFAULT_THRESHOLD,
    FORMAT,
    MARK,
    SPLITS,
    Predictions,
)

_TEXT = ("case", "patient", "image", "roi", "split", "reader")
# Columns of numbers that are often in [0, 1] and never a model's.
_OURS = {
    "label", "truth", "round", "repeat", "fold", "copy", "augmented", "age", "sex", "female",
    "male", "calcium", "pth", "phosphate", "subtype", "weight", "index", "id",
}  # fmt: skip
_SAME_CASE = ("split", "reader", "round", "repeat", "copy")  # what tells rows of a case apart
_SPLIT_WORDS = {
    "training": "train", "val": "validation", "valid": "validation", "testing": "test",
    "oof": "out-of-fold", "out of fold": "out-of-fold", "": "all",
}  # fmt: skip
_MOST_LINES = 20


def read(
    place: Path, *, truth: str, models: Sequence[str] | None, clusters: str, positive: str | None
) -> Predictions:
    """Do what ``read_predictions`` says."""
    texts = _read_table(place)
    said = _read_json(place)
    truth = said.get("truth", truth) if truth == "label" and truth not in texts else truth
    _demand_columns(place, texts, truth, clusters)
    known = said.get("models", {})
    names = tuple(models if models is not None else known or _find_models(place, texts, truth))
    missing = [name for name in names if name not in texts]
    if missing or not names:
        raise UltrasoundError(
            f"{place.name} has no column {', '.join(map(repr, missing)) or 'of a model'}; its "
            f"columns are {', '.join(map(repr, texts))}."
        )
    faults: list[str] = []
    labels: Sequence[float]
    if said and not any(texts[truth]):  # new cases
        labels, classes = [math.nan] * len(texts[truth]), ("0", "1")
    else:
        positive = positive or said.get("positive")
        labels, classes = _labels(place, texts[truth], truth, positive, faults)
    columns: dict[str, Any] = {}
    for name in texts:
        if name == truth:
            columns[name] = labels
        elif name in names:
            columns[name] = _numbers(texts, name, faults, probability=True)
        elif name.startswith(MARK) and name[len(MARK) :] in names:
            columns[name] = _numbers(texts, name, faults)
        else:
            columns[name] = texts[name] if name in (*_TEXT, clusters) else _as_written(texts[name])
    faults += _duplicates(texts)
    faults += _empty(texts, "case") + (_empty(texts, clusters) if clusters in texts else [])
    if faults:
        raise _fault_error(place, faults)
    _demand_two_classes(place, labels, truth)
    table = pd.DataFrame(columns)
    if "case" not in table:  # a table of nothing but scores: a row is a case
        table.insert(0, "case", [f"row {number}" for number in range(2, len(table) + 2)])
    if clusters not in table:
        table[clusters] = table["case"]
    if "patient" not in table:
        table["patient"] = table["case"]
    for name in ("image", "roi"):
        written = table[name] if name in table else [""] * len(table)
        table[name] = [os.path.normpath(place.parent / text) if text else "" for text in written]
    split = table["split"] if "split" in table else [""] * len(table)
    table["split"] = [_split_name(text) for text in split]
    thresholds = pd.DataFrame(
        {name: _threshold_of(table, name, known.get(name, {})) for name in names},
        index=table.index,
    )
    rules = {
        name: str(
            known.get(name, {}).get(
                "rule", "by row, in the table" if MARK + name in table else DEFAULT_RULE
            )
        )
        for name in names
    }
    return Predictions(
        path=place,
        table=table,
        truth=truth,
        models=names,
        cluster=clusters,
        note=str(said.get("note", "")),
        positive=str(said.get("positive") or classes[1]),
        negative=str(said.get("negative") or classes[0]),
        thresholds=thresholds,
        rules=rules,
        about={
            name: {key: value for key, value in entry.items() if key not in ("threshold", "rule")}
            for name, entry in known.items()
            if name in names
        },
        sources=said.get("sources", {}),
    )


def relative(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Copy a table with ``image`` and ``roi`` relative to a folder where that is possible."""
    out = table.copy()
    for name in ("image", "roi"):
        if name in out:
            out[name] = [_relative(str(text), folder) for text in out[name].fillna("")]
    return out


def replace_both(path: Path, table: str, said: str) -> None:
    """Write the table and its JSON under temporary names, and put both in place."""
    pairs = ((path, table), (path.with_suffix(".json"), said))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for final, text in pairs:
            part = final.with_name(final.name + ".part")
            part.write_text(text, encoding="utf-8", newline="\n")
        for final, _ in pairs:
            os.replace(final.with_name(final.name + ".part"), final)  # noqa: PTH105
    except OSError as error:
        raise UltrasoundError(
            f"The predictions cannot be written to {path}: {error.strerror}."
        ) from None


def _relative(text: str, folder: Path) -> str:
    if not text or not Path(text).is_absolute():
        return Path(text).as_posix() if text else ""
    try:
        return Path(os.path.relpath(text, folder)).as_posix()
    except ValueError:  # another drive
        return Path(text).as_posix()


def _read_table(place: Path) -> dict[str, list[str]]:
    """Give every entry as text, in the order of the columns."""
    if not place.is_file():
        raise UltrasoundError(f"{place} is not a file; give a predictions table (CSV or Parquet).")
    try:
        if place.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(place)
        else:
            head = place.read_bytes()[:65536].decode("utf-8-sig", errors="ignore")
            line = head.partition("\n")[0]
            frame = pd.read_csv(
                place,
                sep=";" if line.count(";") > line.count(",") else ",",
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise UltrasoundError(f"{place} is not UTF-8 text; save it as 'CSV UTF-8'.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0]
        raise UltrasoundError(f"{place} is not a table ({reason}); save it again.") from None
    if frame.empty:
        raise UltrasoundError(f"{place.name} has no row below the header; give one row per case.")
    return {str(name).strip(): _texts(frame[name].tolist()) for name in frame.columns}


def _texts(values: Sequence[Any]) -> list[str]:
    return ["" if value is None or value != value else str(value).strip() for value in values]


def _read_json(place: Path) -> dict[str, Any]:
    """Give what is said beside the table; {} where that is another program's file."""
    beside = place.with_suffix(".json")
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise UltrasoundError(
            f"{beside} cannot be read as JSON; restore it, or remove it to read the table alone."
        ) from None
    kind = said.get("format", "") if isinstance(said, dict) else ""
    if not str(kind).startswith("napari-ptx predictions"):
        return {}
    if kind != FORMAT:
        raise UltrasoundError(
            f"{beside} has the format {kind!r}, which is newer than this program; update it."
        )
    assert isinstance(said, dict)
    if not isinstance(said.get("models", {}), dict):
        raise UltrasoundError(f"{beside} does not list its models by name; write it again.")
    return said


def _demand_columns(place: Path, texts: Mapping[str, object], truth: str, clusters: str) -> None:
    missing = [truth] if truth not in texts else []
    if clusters not in texts and clusters != "patient":
        missing.append(clusters)
    if missing:
        raise UltrasoundError(
            f"{place.name} has no column {', '.join(map(repr, missing))}; its columns are "
            f"{', '.join(map(repr, texts))}."
        )


def _find_models(place: Path, texts: Mapping[str, Sequence[str]], truth: str) -> list[str]:
    found, outside = [], []
    for name, column in texts.items():
        if name in (*_TEXT, truth) or name.lower() in _OURS or name.startswith(MARK):
            continue
        values = [_number(text) for text in column if text]
        if not values or any(value is None for value in values):
            continue
        numbers = [value for value in values if value is not None]
        if min(numbers) < 0.0 or max(numbers) > 1.0:
            outside.append(name)
        elif any(0.0 < value < 1.0 for value in numbers):
            found.append(name)
    if not found:
        more = f" ({', '.join(map(repr, outside))} goes beyond)" if outside else ""
        raise UltrasoundError(
            f"{place.name} has no column of probabilities between 0 and 1{more}; add one for "
            "each model."
        )
    return found


def _labels(
    place: Path, column: Sequence[str], truth: str, positive: str | None, faults: list[str]
) -> tuple[list[int], tuple[str, str]]:
    words = sorted({text for text in column if text})
    numbers = [_number(word) for word in words]
    faults += _empty({truth: column}, truth)
    if all(number is not None for number in numbers):
        faults += [
            f"row {row}, column {truth!r}: {text} is neither 0 nor 1"
            for row, text in enumerate(column, 2)
            if text and _number(text) not in (0.0, 1.0)
        ]
        return [int(_number(text) or 0.0) for text in column], ("0", "1")
    if positive not in words or len(words) > 2:
        told = f"; tell which is positive: {' or '.join(map(repr, words))}"
        if len(words) > 2:
            told = f" ({', '.join(map(repr, words[:5]))}…); it needs exactly two"
        raise UltrasoundError(f"Column {truth!r} of {place.name} holds words, not 0 and 1{told}.")
    others = [word for word in words if word != positive]
    return [int(text == positive) for text in column], (others[0] if others else "", positive)


def _numbers(
    texts: Mapping[str, Sequence[str]],
    name: str,
    faults: list[str],
    *,
    probability: bool = False,
) -> list[float]:
    values = []
    for row, text in enumerate(texts[name], 2):
        value = _number(text)
        if not text:
            faults.append(f"row {row}, column {name!r}: is empty")
        elif value is None:
            faults.append(f"row {row}, column {name!r}: {text!r} is not a number")
        elif probability and not 0.0 <= value <= 1.0:
            faults.append(f"row {row}, column {name!r}: {text} is not between 0 and 1")
        values.append(math.nan if value is None else value)
    return values


def _number(text: str) -> float | None:
    """Read a number exactly as Python does; words such as "nan" are none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _as_written(column: list[str]) -> list[Any]:
    """Make numbers of a column that holds nothing else."""
    values = [_number(text) for text in column]
    plain = all(value is not None or not text for value, text in zip(values, column, strict=True))
    # "007" is a name, not a number
    named = any(text[:1] == "0" and text[1:2].isdigit() for text in column)
    if named or not plain or not any(column):
        return list(column)
    if all(value is not None and value.is_integer() for value in values):
        return [int(value or 0) for value in values]
    return [math.nan if value is None else value for value in values]


def _duplicates(texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Find rows of the same case that nothing tells apart; augmented copies are told as such."""
    if "case" not in texts:
        return []
    keys = [texts[name] for name in ("case", *_SAME_CASE) if name in texts]
    copies = texts.get("augmented", [""] * len(keys[0]))
    seen: dict[tuple[str, ...], int] = {}
    faults = []
    for row, (key, copy) in enumerate(zip(zip(*keys, strict=True), copies, strict=True), 2):
        if not key[0] or copy.lower() in ("1", "true", "yes", "1.0"):
            continue
        first = seen.setdefault(key, row)
        if first != row:
            faults.append(
                f"row {row}, column 'case': {key[0]!r} is already the case of row {first}"
            )
    return faults


def _empty(texts: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [
        f"row {row}, column {name!r}: is empty"
        for row, text in enumerate(texts.get(name, ()), 2)
        if not text
    ]


def _demand_two_classes(place: Path, labels: Sequence[float], truth: str) -> None:
    if len(set(labels)) == 1 and not math.isnan(labels[0]):
        raise UltrasoundError(
            f"Every row of {place.name} has {labels[0]} in column {truth!r}; a comparison needs "
            "cases of both classes."
        )


def _fault_error(place: Path, faults: list[str]) -> UltrasoundError:
    lines = faults[:_MOST_LINES]
    if len(faults) > _MOST_LINES:
        lines.append(f"and {len(faults) - _MOST_LINES} more")
    count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
    return UltrasoundError(f"{place.name} has {count}; mend each and try again.", lines)


def _split_name(text: str) -> str:
    lower = text.lower()
    return lower if lower in SPLITS else _SPLIT_WORDS.get(lower, text)


def _threshold_of(table: pd.DataFrame, name: str, said: Mapping[str, Any]) -> Any:
    if MARK + name in table:
        return table[MARK + name]
    value = said.get("threshold")
    return DEFAULT_THRESHOLD if value is None else float(value)
