"""How far a study's readers agree with each other, and with themselves.

Inter-reader agreement compares first readings; intra-reader agreement compares a
reader's first reading of a case with the second. Both compare measurands by ICC and
Bland-Altman, and masks by overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_ptx.child import Progress
from napari_ptx.learn.results import plain
from napari_ptx.roi import MEASURANDS
from napari_ptx.stats import BlandAltman
from napari_ptx.stats.bootstrap import FEW_CLUSTERS
from napari_ptx.study import comparisons as steps
from napari_ptx.study.planning import Outlook, outlook
from napari_ptx.study.types import Reading, StudyError

if TYPE_CHECKING:
    from napari_ptx.study import Study


@dataclass(frozen=True, eq=False)
class Agreement:
    """The agreement of a study's readings, as tables.

    Parameters
    ----------
    inter, intra
        One row for each comparison and measurand: ``comparison``, ``first``,
        ``second``, ``measurand``, ``label``, ``unit``, ``form``, ``name`` (both
        namings of the form), ``icc``, ``low``, ``high``, ``p``, ``consistency`` (the
        consistency form beside it), ``low_clustered`` and ``high_clustered``
        (bootstrap by patient), ``needed`` (the observed ICC whose lower limit is the
        threshold at this n), ``n``, ``k``, ``patients``, ``passes_point``,
        ``passes_bound``, ``bias`` (second minus first), ``bias_percent``,
        ``loa_low``, ``loa_high``; ``intra`` has ``reader``, too. With three or more
        readers the last rows of ``inter`` compare all of them at once, without bias.
        With fewer than 3 pairs all but the counts is undefined (NaN).
    overlap
        One row for each pair of readings: ``kind`` ("inter", "intra"),
        ``comparison``, ``first``, ``second``, ``case``, ``patient``, ``dice``,
        ``jaccard``, ``hd``, ``hd95``, ``msd``, ``surface_dice``, ``state`` ("both",
        "one_empty", "both_empty"), ``unit`` (of the distances).
    values
        One row for each reading and measurand: ``case``, ``patient``, ``reader``,
        ``round``, ``measurand``, ``value``, ``unit``.
    settings
        ``study``, ``form``, ``confidence``, ``threshold``, ``tolerance``, ``unit``,
        ``clusters``, ``replicates``, ``seed``, ``aided``.
    notes
        What a reader of the tables has to know: uncalibrated cases, cases that were
        not assessable, few patients.
    unrecalled
        The rows of ``intra`` once more, without the cases that the reader remembered
        from the first round; ``recalled`` counts those. Empty where nobody was asked.
    outlook
        How many more cases each comparison needs, for the coordinator.
    """

    inter: pd.DataFrame
    intra: pd.DataFrame
    overlap: pd.DataFrame
    values: pd.DataFrame
    settings: dict[str, Any]
    notes: tuple[str, ...]
    unrecalled: pd.DataFrame
    outlook: tuple[Outlook, ...] = ()

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of ``inter`` and ``intra`` in one table."""
        return pd.concat([self.inter, self.intra], ignore_index=True)

    def pairs(self, comparison: str, measurand: str) -> pd.DataFrame:
        """Give both values of each case in one comparison of two sessions.

        Parameters
        ----------
        comparison, measurand
            As in the columns of ``inter`` and ``intra``.

        Returns
        -------
        DataFrame
            ``case``, ``patient``, ``first``, ``second``, ``unit``.

        Raises
        ------
        KeyError
            If there is no such comparison of two sessions.
        """
        sessions = self._sessions[comparison]
        table = steps.paired(self.values[self.values["measurand"] == measurand], sessions)
        table.columns = pd.Index(["case", "patient", "unit", "first", "second"])
        return table[["case", "patient", "first", "second", "unit"]]

    def bland_altman(self, comparison: str, measurand: str) -> BlandAltman:
        """Give the Bland-Altman statistics behind a row: second minus first.

        They are clustered by patient as the table's are.

        Raises
        ------
        StatsError
            With fewer than 3 pairs.
        """
        pairs = self.pairs(comparison, measurand)
        return steps.differences(
            pairs[["first", "second"]].to_numpy(dtype=float), pairs["patient"], self.settings
        )

    def summary(self) -> pd.DataFrame:
        """Summarise the overlap of each comparison.

        Columns: ``kind``, ``comparison``, ``n``, ``one_empty``, ``unit``, and the
        median and quartiles ``_median``, ``_q1``, ``_q3`` of dice, hd95, msd and
        surface_dice. The infinite distance of a case with one empty mask counts.
        """
        rows = []
        for (kind, name), table in self.overlap.groupby(["kind", "comparison"], sort=False):
            row: dict[str, Any] = {
                "kind": kind,
                "comparison": name,
                "n": len(table),
                "one_empty": int((table["state"] == "one_empty").sum()),
                "unit": table["unit"].iloc[0],
            }
            for metric in ("dice", "hd95", "msd", "surface_dice"):
                ordered = np.sort(table[metric].to_numpy(dtype=float))
                for suffix, q in (("median", 0.5), ("q1", 0.25), ("q3", 0.75)):
                    row[f"{metric}_{suffix}"] = steps.quantile(ordered, q)
            rows.append(row)
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """Give everything but the single values, with ``None`` for what is undefined."""
        made: dict[str, Any] = plain({
            "inter": self.inter.to_dict("records"),
            "intra": self.intra.to_dict("records"),
            "unrecalled": self.unrecalled.to_dict("records"),
            "overlap": {
                "summary": self.summary().to_dict("records"),
                "cases": self.overlap.to_dict("records"),
            },
            "outlook": [vars(one) for one in self.outlook],
            "settings": self.settings,
            "notes": self.notes,
        })  # fmt: skip
        return made

    @property
    def _sessions(self) -> dict[str, steps.Comparison]:
        present = {
            (reader, int(number))
            for reader, number in self.values[["reader", "round"]].drop_duplicates().to_numpy()
        }
        # Only first readings of two readers are compared: the name has no rounds.
        pairs = [
            (a, b)
            for a in present
            for b in present
            if (a[0] != b[0] and a[1] == b[1] == 1) or (a[0] == b[0] and a[1] < b[1])
        ]
        return {steps.name_of(pair): pair for pair in pairs}


def agreement(
    study: Study,
    *,
    confidence: float = 0.95,
    clusters: bool = True,
    replicates: int = 2000,
    aided: bool = False,
    progress: Progress | None = None,
) -> Agreement:
    """Compare the finished readings of a study.

    The ICC form, the threshold, the tolerance of the surface Dice and the seed of
    the bootstrap are the protocol's. A case counts in a comparison when both
    readings have an outline; the notes count the others.

    Parameters
    ----------
    confidence
        The level of every interval.
    clusters, replicates
        Whether to add the bootstrap interval by patient, and its samples.
    aided
        Whether to compare the readings with the model's outline, where the design has
        them, instead of the unaided answers.

    Raises
    ------
    StudyError
        Where no two readings can be compared.
    """
    cases = {case.case: case for case in study.cases()}
    everything = study.readings(aided=aided)
    readings = [reading for reading in everything if reading.outlines]
    inter, intra = steps.comparisons(readings, study.readers)
    if not inter and not intra:
        raise StudyError(
            f"The study {study.name} has no case with two finished "
            f"{'aided readings' if aided else 'readings'} to compare; agreement needs two readers "
            "with finished cases in common, or a second round."
        )
    unit, reason = steps.common_unit(readings, cases)
    protocol = study.protocol
    settings = {
        "study": study.name,
        "form": protocol.icc_form,
        "confidence": confidence,
        "threshold": protocol.icc_threshold,
        "tolerance": protocol.tolerance_mm,
        "unit": unit,
        "clusters": "patient" if clusters else None,
        "replicates": replicates if clusters else 0,
        "seed": protocol.seed,
        "aided": aided,
    }
    overlaps = steps.overlaps(
        readings,
        cases,
        {"inter": inter, "intra": intra},
        unit,
        protocol.tolerance_mm,
        progress,
    )
    values = steps.values(readings, cases, unit)
    groups: list[tuple[steps.Session, ...]] = [*inter]
    everyone = [
        (reader, 1) for reader in study.readers if any(r.reader == reader for r in readings)
    ]
    if len(everyone) > 2:
        groups.append(tuple(everyone))
    inter_rows = _rows(values, groups, settings, progress)
    intra_rows = _with_reader(_rows(values, intra, settings, progress))
    unrecalled = _unrecalled(everything, values, intra, settings)
    notes = (reason, *_notes(everything, inter_rows, intra_rows, clusters))
    kept = tuple(note for note in notes if note)
    more = outlook(study, aided=aided)
    return Agreement(inter_rows, intra_rows, overlaps, values, settings, kept, unrecalled, more)


def _with_reader(rows: pd.DataFrame) -> pd.DataFrame:
    rows.insert(0, "reader", [first.partition(", round ")[0] for first in rows["first"]])
    return rows


def _unrecalled(
    readings: Sequence[Reading],
    values: pd.DataFrame,
    intra: Sequence[steps.Comparison],
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Compare each reader's two rounds without the cases that the reader remembered."""
    asked = {r.reader for r in readings if r.recalled is not None}
    remembered = {(r.reader, r.case) for r in readings if r.recalled}
    drop = [pair in remembered for pair in zip(values["reader"], values["case"], strict=True)]
    left = values[[not one for one in drop]]
    rows = _with_reader(
        _rows(left, [pair for pair in intra if pair[0][0] in asked], settings, None)
    )
    counts = [sum(who == reader for who, _ in remembered) for reader in rows["reader"]]
    rows.insert(len(rows.columns), "recalled", counts)
    return rows


def _rows(
    values: pd.DataFrame,
    groups: Sequence[Sequence[steps.Session]],
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> pd.DataFrame:
    rows = []
    for done, group in enumerate(groups):
        if progress is not None:
            progress(done, len(groups), "Computing the ICC")
        rows += [
            steps.row(values[values["measurand"] == measurand.name], group, settings)
            for measurand in MEASURANDS
        ]
    return pd.DataFrame(rows, columns=pd.Index(steps.COLUMNS))


def _notes(
    readings: Sequence[Reading], inter: pd.DataFrame, intra: pd.DataFrame, clusters: bool
) -> Iterator[str]:
    """Say what the tables alone do not."""
    refused = [reading for reading in readings if not reading.assessable]
    if refused:
        yield (
            f"{len(refused)} readings called their case not assessable and are in no comparison "
            f"({', '.join(sorted({reading.case for reading in refused})[:5])})."
        )
    patients = [int(n) for table in (inter, intra) for n in table["patients"]]
    if clusters and patients and min(patients) < FEW_CLUSTERS:
        yield (
            f"The bootstrap by patient has {min(patients)} patients in the smallest comparison; "
            f"below {FEW_CLUSTERS} its interval tends to be too narrow."
        )
