"""Before a study opens: what in its images, files and names could unblind a reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_ptx.child import Progress
from napari_ptx.image.examine import Examined, examine
from napari_ptx.image.folder import find_images
from napari_ptx.image.types import ImageError
from napari_ptx.study.types import StudyError

KINDS = {
    "tags": "Identifying tags",
    "text": "Burned-in text likely",
    "calipers": "Calipers likely",
    "no regions": "No regions",
    "names": "Telling names",
    "same pixels": "Same pixels",
    "unreadable": "Unreadable",
}
"""Kinds of findings, and how they are called where people see them."""

_TELLING = (
    *("malig", "benign", "cancer", "carcin", "adenom", "adenoma", "tumor", "tumour", "hyperplas"),
    *("normal", "atypic", "positive", "negative", "patholog", "label"),
)
"""Parts of words in a file's name that say what a reader has to find out."""
_NAMED = 8


@dataclass(frozen=True)
class Finding:
    """One thing about one case.

    Parameters
    ----------
    case
        As the cohort table has it.
    kind
        One of ``KINDS``.
    text
        A sentence: what was found, and what hides it or what to do.
    """

    case: str
    kind: str
    text: str

    @property
    def title(self) -> str:
        """What the kind is called where people see it."""
        return KINDS[self.kind]


@dataclass(frozen=True)
class Lint:
    """What was found in a cohort or a study.

    Parameters
    ----------
    path
        What was looked at.
    cases
        How many cases it has.
    masked
        Whether the study's protocol masks what lies outside the regions.
    findings
        In the order of the cases.
    """

    path: Path
    cases: int
    masked: bool
    findings: tuple[Finding, ...]

    def count(self, kind: str) -> int:
        """Count the cases with a finding of this kind."""
        return len({finding.case for finding in self.findings if finding.kind == kind})

    @property
    def summary(self) -> tuple[str, ...]:
        """One line for each kind that was found, and one for the whole."""
        lines = [
            f"{title}: {self.count(kind)} of {self.cases} cases"
            for kind, title in KINDS.items()
            if self.count(kind)
        ]
        if not lines:
            return (f"Nothing in {self.cases} cases that could unblind a reader was found.",)
        hidden = (
            "Tags, names and what lies outside the regions never reach a reader's session."
            if self.masked
            else "Tags and names never reach a reader's session; burned-in text does, unless the "
            "protocol masks it (mask_text)."
        )
        return (*lines, hidden)

    def to_json(self) -> dict[str, Any]:
        """Give plain values."""
        return {
            "path": str(self.path),
            "cases": self.cases,
            "masked": self.masked,
            "counts": {kind: self.count(kind) for kind in KINDS},
            "findings": [vars(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class _Case:
    case: str
    patient: str
    image: Path


def lint(
    place: str | Path,
    *,
    progress: Progress | None = None,
    look: Callable[[Path], Examined] = examine,
) -> Lint:
    """Look at every image of a folder, a cohort table or a study.

    Parameters
    ----------
    look
        Looks at one image; the tests pass their own.

    Raises
    ------
    PtxError
        If the study, the table or the folder itself cannot be used.
    """
    path = Path(place).absolute()
    cases, masked = _cases(path)
    findings: list[Finding] = []
    same: dict[str, list[str]] = defaultdict(list)
    for done, case in enumerate(cases, start=1):
        findings += _names(case)
        try:
            found = look(case.image)
        except ImageError as error:
            findings.append(Finding(case.case, "unreadable", error.message))
        else:
            findings += _image(case.case, found, masked)
            same[found.sha256].append(case.case)
        if progress is not None:
            progress(done, len(cases), f"Looking at image {done} of {len(cases)}")
    findings += _doubles(same)
    order = {case.case: place for place, case in enumerate(cases)}
    findings.sort(key=lambda finding: (order[finding.case], list(KINDS).index(finding.kind)))
    return Lint(path, len(cases), masked, tuple(findings))


def _cases(path: Path) -> tuple[list[_Case], bool]:
    if path.is_dir():
        found = find_images(path)
        return [_Case(image.case, image.patient, image.path) for image in found], False
    if not path.is_file():
        raise StudyError(
            f"There is no file {path}; give a study (.ptx), a cohort table or a folder of images."
        )
    if path.suffix == ".ptx":
        from napari_ptx.study.study import Study

        with Study.open(path) as study:
            known = [_Case(case.case, case.patient, case.image) for case in study.cases()]
            return known, study.protocol.mask_text
    from napari_ptx.image.cohort import read_cohort

    table = read_cohort(path).table
    return [
        _Case(str(row.case), str(row.patient), Path(str(row.image))) for row in table.itertuples()
    ], False


def _image(case: str, found: Examined, masked: bool) -> Iterator[Finding]:
    identity, overlay = found.identity, found.overlay
    if identity.tags or identity.private:
        named = [_few(identity.tags)] if identity.tags else []
        if identity.private:
            named.append(f"{identity.private} private tags")
        text = f"The file holds {' and '.join(named)}; a session and a kit leave them out."
        yield Finding(case, "tags", text)
    outside = "outside the ultrasound regions" if found.regions else "in the picture"
    if overlay.text or identity.burned_in == "YES":
        lines = _count(len(overlay.text), "line")
        seen = [f"{lines} of what looks like text {outside}"] * bool(overlay.text)
        says = ["the file says so (Burned In Annotation)"] * (identity.burned_in == "YES")
        if not found.regions:
            rest = "without regions it cannot be masked: crop the image, or leave the case out"
        elif masked:
            rest = "it is masked"
        else:
            rest = "mask it with the protocol (mask_text)"
        yield Finding(case, "text", f"{_sentence(' and '.join(seen + says))}; {rest}.")
    if overlay.crosses or overlay.dotted:
        parts = [_count(len(overlay.crosses), "cross", "crosses")] * bool(overlay.crosses)
        parts += [_count(len(overlay.dotted), "dotted line")] * bool(overlay.dotted)
        text = f"{' and '.join(parts)} on the picture: somebody measured there."
        yield Finding(case, "calipers", f"{text} Take an image without them.")
    if not found.regions and found.modality in ("US", "OT"):
        text = "The file says no ultrasound region: nothing in it can be masked."
        yield Finding(case, "no regions", text)


def _names(case: _Case) -> Iterator[Finding]:
    """Find names that say too much; they are hidden, but lie in the folder for all to see."""
    telling = {word for word in _TELLING if word in case.image.name.lower()}
    telling |= {word for word in _TELLING if word in case.image.parent.name.lower()}
    if telling:
        text = f"{case.image.parent.name}/{case.image.name} may say what the case is"
    elif len(case.patient) >= 4 and case.patient != case.case and case.patient in case.image.name:
        text = f"{case.image.name} names the patient ({case.patient})"
    else:
        return
    yield Finding(case.case, "names", f"{text}; sessions do not show it.")


def _doubles(same: dict[str, list[str]]) -> Iterator[Finding]:
    for cases in same.values():
        for case in cases if len(cases) > 1 else ():
            others = _few([other for other in cases if other != case])
            text = f"The same picture as {others}: it is read twice, and counts twice."
            yield Finding(case, "same pixels", text)


def _few(words: Sequence[str]) -> str:
    shown = ", ".join(words[:_NAMED])
    return shown if len(words) <= _NAMED else f"{shown} and {len(words) - _NAMED} more"


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"1 {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
