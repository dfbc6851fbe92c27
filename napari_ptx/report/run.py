"""One HTML page for a model run: results, figures, cases, settings, TRIPOD+AI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_ptx.child import Progress
from napari_ptx.report import tables, tripod
from napari_ptx.report.checklist import by_section, count
from napari_ptx.report.facts import RunFacts, read_run
from napari_ptx.report.page import moment, render, settings
from napari_ptx.report.pictures import draw_flow, draw_results
from napari_ptx.ultrasound.evaluation import Assessment, assess, unusable
from napari_ptx.ultrasound.store import write_text

_SPLITS = {
    "train": "Training",
    "validation": "Validation",
    "test": "Test",
    "out-of-fold": "Out of fold",
}


def run_report(
    run_folder: str | Path,
    out: str | Path | None = None,
    *,
    replicates: int = 1000,
    progress: Progress | None = None,
) -> Path:
    """Write the report of a finished run as one HTML file that needs no other.

    Parameters
    ----------
    run_folder
        A run folder; each of its files is compared with its hash.
    out
        The file; otherwise ``report.html`` in the run folder.
    replicates
        Of the bootstrap of the ROC bands.
    progress
        ``progress(done, total, text)``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UltrasoundError
        If the run is not finished or was changed, or the file cannot be written.
    """
    facts = read_run(run_folder)
    results: dict[str, Assessment] = {}
    for split in facts.predictions.splits:
        if not unusable(facts.predictions.of(split)):
            main = split == facts.split
            results[split] = assess(
                facts.predictions, split, replicates=replicates if main else 0, progress=progress
            )
    path = facts.root / "report.html" if out is None else Path(out).absolute()
    write_text(path, render("run.html.jinja", _content(facts, results, progress)))
    return path


def _content(
    facts: RunFacts, results: dict[str, Assessment], progress: Progress | None
) -> dict[str, Any]:
    main = results.get(facts.split)
    answers = tripod.fill(facts)
    # the split that counts comes first
    order = sorted(results, key=lambda split: split != facts.split)
    why = {split: unusable(facts.predictions.of(split)) for split in facts.predictions.splits}
    return {
        "facts": facts,
        "meta": facts.metadata,
        "note": facts.predictions.note,
        "main": facts.split,
        "made": moment(facts.metadata["created"]),
        "performance": [
            (_SPLITS.get(split, split), tables.performance(facts, results[split]))
            for split in order
        ],
        "warnings": [
            *facts.metadata["warnings"],
            *(f"{split}: {text}" for split in order for text in results[split].notes),
            *(f"{split} is left out: {text}" for split, text in why.items() if text),
        ],
        "pairs": tables.pairs(facts) if main is not None else None,
        "calibrations": tables.calibrations(main) if main is not None else None,
        "pictures": draw_results(facts, main, progress) if main is not None else [],
        "flow": draw_flow(facts),
        "characteristics": tables.characteristics(facts),
        "built": tables.built(facts),
        "selected": tables.selected(facts),
        "settings": settings(facts.config),
        "radiomics": settings(facts.metadata["radiomics"].get("options", {})),
        "versions": settings(facts.metadata["required_packages_version"]),
        "inputs": settings(facts.said["inputs"]),
        "sections": by_section(answers),
        "tally": count(answers),
        "items": len(answers),
        "reference": tripod.REFERENCE,
        "states": {"known": "from the run", "partly": "in part", "open": "open"},
        "auc": tables.headline(facts, main) if main is not None else [],
    }
