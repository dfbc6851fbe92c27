"""The figures of a run's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ptx.child import Progress
from napari_ptx.report.facts import RunFacts
from napari_ptx.report.page import Picture, inline

if TYPE_CHECKING:
    from napari_ptx.ultrasound.evaluation import Assessment

_MOST_CURVES = 6  # as many as there are colours that everybody can tell apart


def draw_results(
    facts: RunFacts, assessment: Assessment, progress: Progress | None = None
) -> list[Picture]:
    """Draw the figures of the split that counts, and the learning curves of networks.

    Where patients have several rows, those with intervals or tests are there twice: each
    row by itself, and clustered by patient.
    """
    from napari_ptx.ultrasound.evaluation_figures import KINDS, draw

    here = facts.predictions.of(facts.split)
    found = []
    for done, (kind, name) in enumerate(KINDS.items()):
        if progress is not None:
            progress(done, len(KINDS), f"Drawing {name}")
        for clustered in (False, True):
            if clustered and not (here.clustered and kind in ("roc", "delong")):
                continue
            how = ", clustered by patient" if clustered else ""
            figure = draw(
                kind,
                here,
                assessment,
                clustered=clustered,
                among=facts.predictions.models,
                label=f"{name}, {facts.split}{how}",
            )
            if figure is not None:
                found.append(inline(figure, f"{name}, {facts.split}{how}"))
    return [*found, *_curves(facts)]


def _curves(facts: RunFacts) -> list[Picture]:
    from napari_ptx.figures import epochs_figure

    found = []
    for network in dict.fromkeys(name.partition(", ")[0] for name in facts.epochs):
        tables = {
            name.partition(", ")[2]: table
            for name, table in facts.epochs.items()
            if name.startswith(f"{network}, ")
        }
        shown = dict(list(tables.items())[:_MOST_CURVES])
        label = f"Training of {network}"
        if len(shown) < len(tables):
            label += f", {len(shown)} of {len(tables)} folds"
        figure = epochs_figure(shown, label=label, note=facts.predictions.note)
        found.append(inline(figure, label))
    return found


def draw_flow(facts: RunFacts) -> Picture:
    """Draw how the cases of the table came into the run."""
    import pandas as pd

    from napari_ptx.figures import flow_figure

    left_out = pd.Series([item["reason"] for item in facts.metadata["left_out"]], dtype=object)
    reasons = left_out.value_counts()
    cases = int(facts.metadata["cases"])
    rows: list[dict[str, object]] = [
        {"step": "Cases in the cohort table", "n": cases + len(left_out)}
    ]
    for i, (reason, number) in enumerate(reasons.items()):
        told = {"reason": reason, "n_excluded": int(number)}
        if i:
            rows.append(told)
        else:
            rows[0] |= told
    patients = facts.metadata["patients"]
    rows.append({"step": f"Cases in the run, of {patients} patients", "n": cases})
    counts = facts.predictions.table["split"].value_counts()
    groups = {name: int(counts[name]) for name in facts.predictions.splits}
    figure = flow_figure(
        pd.DataFrame(rows),
        groups=groups if len(groups) > 1 else None,
        note=facts.predictions.note,
    )
    return inline(figure, "Cases")
