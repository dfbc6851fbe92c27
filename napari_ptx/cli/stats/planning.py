"""``napari-ptx stats plan-icc``: how many cases an agreement study needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from napari_ptx.cli.show import Json
from napari_ptx.cli.stats.agreement import Form
from napari_ptx.cli.stats.answers import give
from napari_ptx.cli.stats.options import ConfidenceOption
from napari_ptx.cli.tables import TableError


def plan_icc_command(
    readers: Annotated[int, typer.Option(min=2, help="Readers, or readings of one.")] = 2,
    expected: Annotated[
        float | None, typer.Option(help="The ICC that is assumed to be true.", show_default=False)
    ] = None,
    threshold: Annotated[float, typer.Option(help="What the lower limit has to clear.")] = 0.80,
    cases: Annotated[
        int | None,
        typer.Option(
            help="The other way round: the observed ICC that so many cases need.",
            show_default=False,
        ),
    ] = None,
    assurance: Annotated[
        float, typer.Option(help="The probability with which the study is to succeed.")
    ] = 0.80,
    form: Annotated[Form, typer.Option(help="As for 'stats icc'.")] = Form.agreement_single,
    confidence: ConfidenceOption = 0.95,
    json_: Json = False,
) -> None:
    """Plan how many cases lift the lower limit of the ICC above a threshold.

    With the expected number an observed ICC of that size clears the threshold; but
    samples vary, and the study then succeeds about every second time only. The number
    with assurance succeeds with the given probability (Zou 2012).
    """
    from napari_ptx.stats import FORMS, icc_needed
    from napari_ptx.stats.icc_planning import plan_icc, success

    if expected is None and cases is None:
        raise TableError("Give the ICC you expect (--expected), or a number of cases (--cases).")
    answer: dict[str, Any] = {
        "form": form.value,
        "name": FORMS[form.value],
        "raters": readers,
        "threshold": threshold,
        "confidence": confidence,
    }
    rows = [("Form", f"{FORMS[form.value]}, {readers} readers")]
    limit = f"the lower {confidence:.0%} limit clears {threshold:g}"
    if cases is not None:
        needed = icc_needed(cases, threshold, readers, form.value, confidence)
        answer |= {"cases_given": cases, "needed": needed}
        rows.append((f"{cases} cases need an observed ICC of", f"{needed:.3f}"))
        if expected is not None:
            p = success(cases, expected, threshold, readers, form.value, confidence)
            answer["success"] = p
            rows.append((f"with a true ICC of {expected:g}, {limit} with probability", f"{p:.2f}"))
    if expected is not None:
        plan = plan_icc(expected, threshold, readers, form.value, confidence, assurance)
        answer |= plan.to_json()
        rows += [
            (f"Cases at which an observed ICC of {expected:g} clears it", str(plan.cases)),
            ("  where the study succeeds with probability", f"{plan.probability:.2f}"),
            (f"Cases for a probability of {assurance:g}", str(plan.assured)),
        ]
        answer["note"] = (
            "Readers are assumed to have equal means, and cases to be of different patients; a "
            "bias between readers, or several images of a patient, make more cases necessary."
        )
    give(answer, json_, f"Cases until {limit}", rows)
