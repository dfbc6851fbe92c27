"""Reports: one HTML page for a model run or a reader study, with figures and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.report.run import run_report
    from napari_ptx.report.study import study_report

__all__ = ["run_report", "study_report"]


def __getattr__(name: str) -> Any:
    # pandas is loaded when a report is asked for, not before
    if name == "run_report":
        from napari_ptx.report.run import run_report

        return run_report
    if name == "study_report":
        from napari_ptx.report.study import study_report

        return study_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
