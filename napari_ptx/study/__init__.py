"""The record of a reader study: who reads what, when, blinded, and nothing is ever lost.

``Study`` is the coordinator's side, ``Desk`` the reader's. ``GlandRecord`` keeps what was
decided on the glands of a CT prediction.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.study.amendments import Amendment
    from napari_ptx.study.desk import Desk
    from napari_ptx.study.gland_record import Decision, GlandRecord
    from napari_ptx.study.kit import Kit
    from napari_ptx.study.merging import Merged
    from napari_ptx.study.pins import PinError
    from napari_ptx.study.protocol import Protocol, ReaderInfo
    from napari_ptx.study.study import Study
    from napari_ptx.study.types import (
        CaseInfo,
        DeskCase,
        Draft,
        Problem,
        Reading,
        RoundStatus,
        Status,
        StudyError,
    )

__all__ = [
    "Amendment",
    "CaseInfo",
    "Decision",
    "Desk",
    "DeskCase",
    "Draft",
    "GlandRecord",
    "Kit",
    "Merged",
    "PinError",
    "Problem",
    "Protocol",
    "ReaderInfo",
    "Reading",
    "RoundStatus",
    "Status",
    "Study",
    "StudyError",
]

_HOMES = {
    "Amendment": "amendments",
    "Decision": "gland_record",
    "Desk": "desk",
    "GlandRecord": "gland_record",
    "Kit": "kit",
    "Merged": "merging",
    "PinError": "pins",
    "Protocol": "protocol",
    "ReaderInfo": "protocol",
    "Study": "study",
}


def __getattr__(name: str) -> Any:
    # SQLAlchemy is not loaded before a study is asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'types')}"), name)
