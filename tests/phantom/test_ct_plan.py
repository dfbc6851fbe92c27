"""What is drawn for a simulated neck: shares against the literature, and room for each gland."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

from napari_ptx.phantom.ct.anatomy import apart, clearance
from napari_ptx.phantom.ct.glands import ECTOPIC, HOMES, PATTERNS, PLACES, SITES, Draw, draw_glands
from napari_ptx.phantom.ct.scene import Plan, Settings, draw_plan
from napari_ptx.phantom.ct.tissue import Part, draw_gland, draw_tissues

PATIENTS = 1000


@pytest.fixture(scope="module")
def patients() -> list[tuple[Draw, ...]]:
    return [draw_glands(np.random.default_rng([7, seed])) for seed in range(PATIENTS)]


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    return [draw_plan(seed, Settings(region="neck")) for seed in range(6)]


def assert_share(count: int, total: int, share: float) -> None:
    """The count is one that chance gives in all but 1 of 10,000 series."""
    low, high = binom.interval(0.9999, total, share)
    assert low <= count <= high, f"{count} of {total} is not {share:.1%}"


def test_three_to_five_glands_with_a_median_of_four(patients: list[tuple[Draw, ...]]) -> None:
    counts = Counter(len(draws) for draws in patients)
    assert set(counts) == {3, 4, 5}
    assert np.median([len(draws) for draws in patients]) == 4
    for number, share in ((3, 0.2), (4, 0.6), (5, 0.2)):
        assert_share(counts[number], PATIENTS, share)


def test_ectopic_glands_are_as_many_as_published(patients: list[tuple[Draw, ...]]) -> None:
    # doi 10.5005/jp-journals-10002-1291; the listed sites sum to 16.5 of the 16.8%
    draws = [draw for patient in patients for draw in patient]
    assert_share(sum(d.slot == "ectopic" for d in draws), len(draws), 0.168)
    for site, percent in SITES.items():
        share = percent / sum(SITES.values()) * ECTOPIC
        assert_share(sum(d.site == site for d in draws), len(draws), share)
    assert all((d.slot == "ectopic") == bool(d.site) for d in draws)


def test_slots_are_taken_once_and_places_are_as_published(
    patients: list[tuple[Draw, ...]],
) -> None:
    draws = [draw for patient in patients for draw in patient]
    for patient in patients:
        slots = [d.slot for d in patient if d.slot != "ectopic"]
        assert len(set(slots)) == len(slots)
    at_home = [d for d in draws if d.slot != "ectopic"]
    for slot in HOMES:
        assert_share(sum(d.slot == slot for d in at_home), len(at_home), 0.25)
    for level, places in PLACES.items():
        here = [d for d in at_home if d.slot.endswith(level)]
        for place, share in places.items():
            assert_share(sum(d.place == place for d in here), len(here), share)
    assert PLACES["superior"]["posterior"] > 0.9
    assert (PLACES["inferior"]["behind_pole"], PLACES["inferior"]["below_pole"]) == (0.60, 0.25)


def test_patterns_and_sizes(patients: list[tuple[Draw, ...]]) -> None:
    draws = [draw for patient in patients for draw in patient]
    assert PATTERNS == {"A": 20.0, "B": 57.0, "C": 22.0}  # Radiology 2015 (2015142393)
    for pattern, percent in PATTERNS.items():
        assert_share(sum(d.pattern == pattern for d in draws), len(draws), percent / 99)
    sizes = np.array([d.size for d in draws])
    assert sizes.min() >= 4
    assert sizes.max() <= 20
    assert np.median(sizes) == pytest.approx(9, abs=0.4)


def test_hounsfield_units_are_those_of_the_literature(patients: list[tuple[Draw, ...]]) -> None:
    rng = np.random.default_rng(3)
    tissues = [draw_tissues(rng) for _ in range(PATIENTS)]
    assert_share(sum(t.low_iodine for t in tissues), PATIENTS, 0.15)
    low = np.array([t.thyroid[0] for t in tissues if t.low_iodine])
    assert low.min() >= 60
    assert low.max() <= 80
    usual = np.array([t.thyroid for t in tissues if not t.low_iodine])
    assert 90 <= usual[:, 0].mean() <= 106  # 90 ± 15 and 106 ± 15
    assert usual[:, 1].mean() == pytest.approx(188, abs=2)
    assert usual[:, 1].std() == pytest.approx(10, abs=2)
    assert usual[:, 2].mean() == pytest.approx(179, abs=2)
    glands = np.array(
        [
            draw_gland(d.pattern, t, rng)
            for patient, t in zip(patients, tissues, strict=True)
            for d in patient
        ]
    )
    # 45 ± 12 (n = 21) and 62 ± 16 (n = 33); 182 ± 39 and 170 ± 41; 147 ± 38
    assert glands[:, 0].mean() == pytest.approx((21 * 45 + 33 * 62) / 54, abs=3)
    assert 12 <= glands[:, 0].std() <= 20
    assert 168 <= glands[:, 1].mean() <= 184
    assert 25 <= glands[:, 1].std() <= 41
    assert glands[:, 2].mean() == pytest.approx(147, abs=10)


@pytest.mark.parametrize(("pattern", "brighter", "washes"), [("A", 1, 1), ("B", 0, 1), ("C", 0, 0)])
def test_a_pattern_is_what_it_says(pattern: str, brighter: int, washes: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        tissues = draw_tissues(rng)
        _, arterial, venous = draw_gland(pattern, tissues, rng)
        assert (arterial > tissues.thyroid[1]) == brighter
        if pattern != "A":
            assert (venous < tissues.thyroid[2] - 15) == washes


def test_glands_touch_neither_each_other_nor_vessels_airway_or_bone(plans: list[Plan]) -> None:
    kinds = (Part.ARTERY, Part.VEIN, Part.AIRWAY, Part.CARTILAGE, Part.BONE)
    for plan in plans:
        walls = plan.anatomy.shapes(*kinds)
        for number, gland in enumerate(plan.glands):
            assert clearance(gland.shape.surface(400), walls) > 0.3
            assert clearance(gland.shape.surface(400), [n.shape for n in plan.nodes]) > 0.5
            for other in plan.glands[number + 1 :]:
                assert apart(gland.shape, other.shape) > 0.8


def test_glands_lie_on_their_side_and_above_or_below_each_other(plans: list[Plan]) -> None:
    for plan in plans:
        places = {g.draw.slot: g.shape.centre for g in plan.glands if not g.draw.site}
        for slot, (_, _, x) in places.items():
            assert (x > 5) if slot.startswith("left") else (x < -5)
        for side in ("left", "right"):
            pair = [places.get(f"{side}_{level}") for level in ("superior", "inferior")]
            if pair[0] and pair[1]:
                assert pair[0][0] > pair[1][0] - 6


def test_the_fat_between_gland_and_thyroid_is_1_to_3_mm(plans: list[Plan]) -> None:
    for plan in plans:
        for gland in plan.glands:
            if gland.draw.site == "intrathyroid":
                assert gland.thyroid_mm == 0
            else:
                assert 1 <= gland.gap <= 3
                assert gland.thyroid_mm >= gland.gap


def test_the_anatomy_does_not_depend_on_the_region_and_the_bed_leaves_glands_out() -> None:
    for seed in range(3):
        bed, neck = (draw_plan(seed, Settings(region=name)) for name in ("bed", "neck"))
        assert [g.shape for g in bed.glands] == [
            g.shape for g in neck.glands if g.draw not in bed.outside
        ]
        assert len(bed.glands) + len(bed.outside) == len(neck.glands) + len(neck.outside)


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "foot"},
        {"phases": ()},
        {"phases": ("late",)},
        {"phases": ("plain",) * 2},
        {"spacing": (5.0, 1.0, 1.0)},
        {"spacing": (1.0, 0.0, 1.0)},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)
