"""The cases of the demo study, which are also napari's sample data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_ptx.phantom.ultrasound import Phantom, Scenario, draw_scenario, render

# A block of seeds whose lesions and simulated readers are near the middle of what
# the phantom gives over 2,000 seeds (ICC(A,1) of area 0.9 between the readers).
_FIRST_SEED = 1101
_PATIENTS = 20


@dataclass(frozen=True)
class Sample:
    """One case of the demo: its names, and what there is to see."""

    case: str
    patient: str
    scenario: Scenario

    def render(self) -> Phantom:
        """Make the picture (about half a second)."""
        return render(self.scenario)


def demo_samples(count: int = 24) -> tuple[Sample, ...]:
    """Draw the first ``count`` cases of the demo, without their pictures.

    Of every 24 cases the last four are second images of earlier patients, with a
    lesion of the same kind: images of one patient are not independent.
    """
    samples: list[Sample] = []
    for index in range(count):
        block, place = divmod(index, 24)
        first = place if place < _PATIENTS else 2 + 5 * (place - _PATIENTS)
        label = samples[24 * block + first].scenario.label if first != place else None
        samples.append(
            Sample(
                case=f"SIM-{index + 1:03d}",
                patient=f"P{_PATIENTS * block + first + 1:02d}",
                scenario=draw_scenario(_FIRST_SEED + index, label=label),
            )
        )
    return tuple(samples)


def demo_phantoms(count: int = 24) -> Iterator[Phantom]:
    """Yield the first ``count`` cases of the demo with their pictures, one at a time."""
    for sample in demo_samples(count):
        yield sample.render()
