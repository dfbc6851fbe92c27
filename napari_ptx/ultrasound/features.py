"""``extract``: the radiomics features of a cohort, in processes that can be stopped.

What is done is kept case by case in the folder ``cache`` beside the result, under the
hash of everything that the features depend on: a run that was killed goes on where it
was, and a cohort to which cases were added costs only those.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ptx.child import Progress
from napari_ptx.errors import PtxError
from napari_ptx.ultrasound.cases import Lesions, load_case
from napari_ptx.ultrasound.crop import PAPER_SIZE, SHAPE_NOTE, Mode, Normalise, crop
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.pool import run_all
from napari_ptx.ultrasound.radiomics import FILTERS, PARAMS, Extractor

if TYPE_CHECKING:
    import pandas as pd

    from napari_ptx.image.cohort import Cohort

FORMAT = "napari-ptx features 1"
TABLE = "features.parquet"
DIAGNOSTICS = "diagnostics.json"
IDENTITY = ("case", "reader", "round")
"""What tells the rows of a table of readings apart, as far as it has these columns."""

_CLASSES = ("shape", "shape2D", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
_FEATURE = re.compile(rf"[^_]+_({'|'.join(_CLASSES)})_[A-Za-z0-9]+")
_TIMEOUT = 900.0


@dataclass(frozen=True)
class Options:
    """Everything besides the files that the features of a case depend on.

    Parameters
    ----------
    params, extra_filter
        As for ``Extractor``.
    mode, size, margin, mask_borders, normalise
        As for ``crop``.
    lesions, threshold
        As for ``load_case``.
    """

    params: str = PARAMS
    extra_filter: str = FILTERS[0]
    mode: Mode = "paper"
    size: int = PAPER_SIZE
    margin: float = 0.0
    mask_borders: bool = False
    lesions: Lesions = "largest"
    threshold: float | None = None
    normalise: Normalise = "range"


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Radiomics features, one row per case (per reading where there are several).

    Parameters
    ----------
    table
        The cohort's columns except ``image`` and ``roi``, then the features.
    columns
        The names of the features, as PyRadiomics gives them.
    source
        The file.
    note
        What the data were.
    about
        What ``diagnostics.json`` says; empty for a table of another program.
    """

    table: pd.DataFrame
    columns: tuple[str, ...]
    source: Path
    note: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def failures(self) -> tuple[Mapping[str, Any], ...]:
        """The cases without features: ``case`` (``reader``, ``round``) and ``reason``."""
        return tuple(self.about.get("failures", ()))


def extract(
    cohort: Cohort | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    params: str | os.PathLike[str] = PARAMS,
    extra_filter: str = FILTERS[0],
    mode: Mode = "paper",
    size: int = PAPER_SIZE,
    margin: float = 0.0,
    mask_borders: bool = False,
    lesions: Lesions = "largest",
    threshold: float | None = None,
    normalise: Normalise = "range",
    jobs: int = 1,
    note: str = "",
    progress: Progress | None = None,
) -> FeatureTable:
    """Compute the radiomics features of all cases of a cohort and write them.

    Parameters
    ----------
    cohort
        The table or its path, with the columns ``case``, ``patient``, ``image`` and
        ``roi``. Several rows of a case are told apart by ``reader`` and ``round``.
    out
        The folder for ``features.parquet`` and ``diagnostics.json``; made if need be.
    params, extra_filter
        "liu2026" with one of six filters (567 features), or a parameter file of
        PyRadiomics; see ``Extractor``.
    mode, size, margin, mask_borders, normalise
        See ``crop``.
    lesions, threshold
        See ``load_case``.
    jobs
        Processes that work at once.
    note
        What the data are ("thyroid nodules, a stand-in"); it goes with the result.
    progress
        ``progress(done, total, text)``.

    Returns
    -------
    FeatureTable
        Without the cases that failed; ``failures`` lists them with the reason.

    Raises
    ------
    CohortError
        For a table with faults, all at once.
    UltrasoundError
        For parameters that PyRadiomics refuses, and where not one case has features.
    """
    from napari_ptx.image.cohort import read_cohort

    if isinstance(cohort, str | os.PathLike):
        cohort = read_cohort(cohort, unique=IDENTITY)
    if "roi" not in cohort.table.columns:
        raise UltrasoundError(f"{cohort.path} has no column 'roi'; add it.")
    file = str(params) if str(params) == PARAMS else str(Path(params).absolute())
    options = Options(
        file, extra_filter, mode, size, margin, mask_borders, lesions, threshold, normalise
    )
    extractor = Extractor(options.params, options.extra_filter)
    folder = Path(out).absolute()
    cache = folder / "cache"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UltrasoundError(f"{folder} cannot be made ({error.strerror}).") from None
    rows = [
        {str(name): value for name, value in row.items()} for row in cohort.table.to_dict("records")
    ]
    tasks = [
        ({name: row[name] for name in ("case", "image", "roi")}, asdict(options), str(cache))
        for row in rows
    ]
    answers = run_all(
        "napari_ptx.ultrasound.features:work",
        tasks,
        jobs=jobs,
        timeout=_TIMEOUT,
        describe=lambda index: f"Features of case {rows[index]['case']}",
        progress=progress,
    )
    table = _table(rows, answers)
    about = _about(cohort, options, extractor, note, rows, answers)
    if table is None:
        raise UltrasoundError(
            f"Not one of {len(rows)} cases in {cohort.path} has features; mend what is listed.",
            [f"case {failure['case']}: {failure['reason']}" for failure in about["failures"]],
        )
    write_file(folder / DIAGNOSTICS, lambda path: path.write_text(json.dumps(about, indent=1)))
    write_file(folder / TABLE, lambda path: table.to_parquet(path, index=False))
    return _feature_table(table, folder / TABLE, about)


def work(row: dict[str, str], options: dict[str, Any], cache: str) -> dict[str, Any]:
    """Compute the features of one case, or take them from the cache: a child's work.

    Returns
    -------
    dict
        ``features``, and ``case``: what to know of the case.
    """
    from napari_ptx.image.read import decode

    chosen = Options(**options)
    extractor = Extractor(chosen.params, chosen.extra_filter)
    kept = Path(cache) / f"{_key(row, chosen, extractor)}.json"
    try:
        answer: dict[str, Any] = json.loads(kept.read_bytes())
        return answer
    except (OSError, ValueError):  # not there, or cut off by a full disk
        pass
    case = load_case(row, lesions=chosen.lesions, threshold=chosen.threshold, read=decode)
    cut = crop(
        case,
        mode=chosen.mode,
        size=chosen.size,
        margin=chosen.margin,
        mask_borders=chosen.mask_borders,
        normalise=chosen.normalise,
    )
    try:
        features = extractor.features(cut)
    except UltrasoundError as error:
        raise UltrasoundError(f"Case {case.case}: {error.message}", error.details) from None
    answer = {
        "features": features,
        "case": {
            "box": cut.box,
            "scale_yx": cut.scale_yx,
            "unit": cut.unit,
            "roi_pixels": int(cut.mask.sum()),
            "notes": [case.note, *cut.warnings[1:]] if case.note else list(cut.warnings[1:]),
        },
    }
    write_file(kept, lambda path: path.write_text(json.dumps(answer)))
    return answer


def read_features(path: str | os.PathLike[str]) -> FeatureTable:
    """Read a table of features, ours or of PyRadiomics' own command.

    Parameters
    ----------
    path
        The folder that ``extract`` wrote, or a table (Parquet or CSV). Features are
        the columns with names like "original_glcm_Contrast".

    Raises
    ------
    UltrasoundError
        Where there is no such table, or it has no column ``case`` or no features.
    """
    import pandas as pd
    import pyarrow as pa

    place = Path(path).absolute()
    place = place / TABLE if place.is_dir() else place
    if not place.is_file():
        raise UltrasoundError(f"There is no table of features {place}; make it by 'us features'.")
    text = dict.fromkeys(("case", "patient", "reader"), str)
    try:
        if place.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(place)
        else:
            table = pd.read_csv(place, dtype=text, encoding="utf-8-sig")
    except (pa.ArrowException, ValueError, OSError) as error:
        said = (str(error).splitlines() or [""])[0]
        raise UltrasoundError(f"{place} is not a table of features ({said}).") from None
    if "case" not in table.columns:
        raise UltrasoundError(f"{place} has no column 'case'; add it.")
    about: dict[str, Any] = {}
    beside = place.with_name(DIAGNOSTICS)
    if beside.is_file():
        try:
            about = json.loads(beside.read_bytes())
        except ValueError:
            raise UltrasoundError(f"{beside} is not JSON; make the features again.") from None
    return _feature_table(table, place, about)


def _feature_table(table: pd.DataFrame, source: Path, about: Mapping[str, Any]) -> FeatureTable:
    columns = tuple(name for name in table.columns if _FEATURE.fullmatch(name))
    if not columns:
        raise UltrasoundError(
            f"{source} has no features: no column has a name like original_glcm_Contrast."
        )
    wrong = [name for name in columns if table[name].dtype.kind not in "fiu"]
    if wrong:
        raise UltrasoundError(f"{source}: the feature {wrong[0]} is not a number in every row.")
    return FeatureTable(table, columns, source, str(about.get("note", "")), about)


def _key(row: Mapping[str, str], options: Options, extractor: Extractor) -> str:
    """Hash what the features of a case depend on."""
    digest = hashlib.sha256()
    for name in ("image", "roi"):
        file = Path(row[name] or os.devnull)
        # a missing file is told by what reads it
        digest.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
    settings = asdict(options) | {"params": extractor.parameters, "versions": _versions()}
    if options.normalise == "range":  # as before there was a choice: caches stay good
        del settings["normalise"]
    digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    names = ("napari-ptx", "pyradiomics-bhklab", "SimpleITK", "PyWavelets", "numpy", "pillow")
    return {"python": platform.python_version()} | {name: _version(name) for name in names}


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError

    try:
        return version(name)
    except PackageNotFoundError:  # PyRadiomics under its own name, for example
        return "unknown"


def _table(
    rows: list[dict[str, Any]], answers: list[dict[str, Any] | PtxError]
) -> pd.DataFrame | None:
    import pandas as pd

    kept = [
        {name: value for name, value in row.items() if name not in ("image", "roi")}
        | answer["features"]
        for row, answer in zip(rows, answers, strict=True)
        if isinstance(answer, dict)
    ]
    return pd.DataFrame(kept) if kept else None


def _about(
    cohort: Cohort,
    options: Options,
    extractor: Extractor,
    note: str,
    rows: list[dict[str, Any]],
    answers: list[dict[str, Any] | PtxError],
) -> dict[str, Any]:
    """Give what ``diagnostics.json`` says."""
    failures, cases = [], []
    for row, answer in zip(rows, answers, strict=True):
        who = {name: row[name] for name in IDENTITY if name in row}
        if isinstance(answer, PtxError):
            failures.append(who | {"reason": answer.message, "details": list(answer.details)})
        else:
            cases.append(who | answer["case"])
    units = sorted({str(case["unit"]) for case in cases})
    notes = [SHAPE_NOTE[options.mode]]
    if len(units) > 1:
        uncalibrated = sum(case["unit"] == "px" for case in cases)
        notes.append(
            f"{uncalibrated} of {len(cases)} cases are not calibrated: their shape features are in "
            "pixels, and not to be compared with those in mm."
        )
    return {
        "format": FORMAT,
        "note": note,
        "cohort": {
            "file": cohort.path.name,
            "sha256": hashlib.sha256(cohort.path.read_bytes()).hexdigest(),
        },
        "options": asdict(options),
        "resampling": "image: linear, antialiased where made smaller; mask: nearest pixel centre",
        "grey": "8 bits from black to white (see normalise); colour by ITU-R BT.601",
        "parameters": extractor.parameters,
        "versions": _versions(),
        "units": units,
        "notes": notes,
        "failures": failures,
        "cases": cases,
    }


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    UltrasoundError
        Where the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        write(draft)
        draft.replace(path)
    except OSError as error:
        raise UltrasoundError(
            f"{path} cannot be written ({error.strerror or error}); choose another folder."
        ) from None
    finally:
        draft.unlink(missing_ok=True)
