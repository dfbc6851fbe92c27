"""Which patches a training sees."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch

from napari_ptx.ct.cases import Case, read_case, write_case
from napari_ptx.ct.config import ModelSettings, TrainConfig
from napari_ptx.ct.data import Exam, load_volume, read_exams, samples
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.mirror import mirrored
from napari_ptx.ct.network import ABSENT
from napari_ptx.ct.sampling import draw_centre, draw_kind, draw_patch, normalise, one_hot
from napari_ptx.image import CohortError
from napari_ptx.image.grid import Grid

from .volumes import PATCH, SHAPE, SPACING, TINY, balls, write, write_cohort


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    folder = tmp_path_factory.mktemp("case")
    exam = read_exams(write_cohort(folder, 1))[0]
    volume = load_volume(exam, ("plain", "arterial"), SPACING)
    write_case(folder / "case", volume, TINY.model, exam)
    return read_case(folder / "case")


def test_kinds_are_drawn_in_their_shares(case):
    generator = np.random.default_rng(0)
    drawn = Counter(draw_kind(case, TrainConfig(), generator) for _ in range(4000))
    assert drawn["gland"] / 4000 == pytest.approx(0.5, abs=0.03)
    assert drawn["confounder"] / 4000 == pytest.approx(0.25, abs=0.03)
    assert drawn["anywhere"] / 4000 == pytest.approx(0.25, abs=0.03)


def test_a_gland_is_in_its_patch_but_not_in_the_middle(case):
    generator = np.random.default_rng(1)
    centres = np.array([draw_centre(case, "gland", PATCH, generator) for _ in range(300)])
    labels = np.asarray(case.labels)
    held = 0
    for centre in centres:
        low = np.maximum(centre - np.array(PATCH) // 2, 0)
        part = labels[tuple(slice(a, a + side) for a, side in zip(low, PATCH, strict=True))]
        held += bool(part.any())
    assert held == 300
    inside = labels[tuple(centres.T)] > 0
    assert inside.mean() < 0.2


def test_each_gland_is_as_likely_whatever_its_size():
    labels = np.zeros((20, 20, 20), np.int16)
    labels[1, 1, 1:4] = 1
    labels[8:18, 8:18, 8:18] = 2
    places = np.argwhere(labels).astype(np.int32)
    case = Case(
        "a", "a", np.zeros((1, 20, 20, 20), np.int16), (True,), labels,
        {"gland": places, "confounder": places[:0], "anywhere": places},
        labels[tuple(places.T)], Grid((20, 20, 20), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ()),
    )  # fmt: skip
    generator = np.random.default_rng(2)
    near = [draw_centre(case, "gland", (2, 2, 2), generator).max() < 6 for _ in range(1000)]
    assert np.mean(near) == pytest.approx(0.5, abs=0.05)
    # What a case does not have is drawn anywhere.
    config = TrainConfig(near=0.0, confounders=1.0)
    assert draw_kind(case, config, generator) == "anywhere"


def test_a_patch_depends_on_its_seed_alone(case):
    one, two = (draw_patch([case], TINY, np.random.default_rng([0, 1, 2, 3])) for _ in range(2))
    other = draw_patch([case], TINY, np.random.default_rng([0, 1, 2, 4]))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], other[0])
    assert one[0].shape == (2, *PATCH)
    assert one[1].shape == (1, *PATCH)
    assert torch.equal(one[1][0] > 0, one[2] > 0)


def test_phases_are_dropped_in_their_share_and_shifted(case):
    config = replace(TINY, phase_dropout=0.25, shift=1.5)
    dropped, shifted = 0, 0
    for i in range(200):
        volume, _, _ = draw_patch([case], config, np.random.default_rng([9, i]))
        missing = (volume == ABSENT).flatten(1).all(1)
        assert missing.sum() <= 1
        dropped += int(missing.any())
        shifted += int(not missing.any())
        present = volume[~missing]
        assert present.min() >= -1
        assert present.max() <= 1
    assert dropped / 200 == pytest.approx(0.25, abs=0.08)


def test_nothing_is_mirrored(case):
    """A mark that is only on one side stays on it in every patch."""
    hu = np.full((2, 96, 112, 112), -1000, np.int16)
    hu[..., :56] = 300
    shape = hu.shape[1:]
    spots = {kind: places + 32 for kind, places in case.spots.items()}
    labels = np.zeros(shape, np.int16)
    grid = replace(case.grid, shape=shape)
    marked = replace(case, hu=hu, labels=labels, spots=spots, grid=grid)
    config = replace(TINY, phase_dropout=0.0)
    for i in range(40):
        volume, _, _ = draw_patch([marked], config, np.random.default_rng([3, i]))
        middle = volume[0].mean((0, 1))
        assert middle[:4].mean() >= middle[-4:].mean() - 0.1


def test_normalised_values_and_absent_phases():
    hu = np.array([[[[-1024, -250, 100, 450, 3000]]]] * 2, np.int16)[:, 0]
    found = normalise(hu, (True, False), (-250.0, 450.0))
    assert found[0].flatten().tolist() == [-1, -1, 0, 1, 1]
    assert (found[1] == ABSENT).all()


def test_classes_are_told_by_value():
    labels = torch.tensor([0, 1, 3, 4, 5])
    settings = ModelSettings(classes={"right": (3,), "left": (4, 5)})
    assert one_hot(labels, settings).tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]
    assert one_hot(labels, ModelSettings()).tolist() == [[0, 1, 1, 1, 1]]


def test_the_same_patient_is_read_the_same_whatever_the_order_of_columns(tmp_path):
    straight = read_exams(write_cohort(tmp_path / "a", 1))[0]
    flipped = read_exams(write_cohort(tmp_path / "b", 1, flip=(0,)))[0]
    one, two = (load_volume(e, ("plain", "arterial"), SPACING) for e in (straight, flipped))
    assert np.array_equal(one.hu, two.hu)
    assert np.array_equal(one.labels, two.labels)
    assert one.grid.shape == two.grid.shape == SHAPE
    assert np.allclose(one.grid.origin, two.grid.origin, atol=1e-4)
    assert one.grid.direction == two.grid.direction
    assert one.native.direction != two.native.direction
    # x grows to the left: the first ball is on the right
    right, left = (np.argwhere(one.labels == number)[:, 2].mean() for number in (1, 2))
    assert right < left


def test_phases_are_placed_by_their_coordinates_and_spacing(tmp_path):
    plain, arterial, labels = balls(3)
    write(tmp_path / "plain.nii.gz", plain)
    write(tmp_path / "arterial.nii.gz", arterial[4:, :, 6:])
    write(tmp_path / "labels.nii.gz", labels)
    import SimpleITK as sitk  # noqa: N813

    moved = sitk.ReadImage(str(tmp_path / "arterial.nii.gz"))
    moved.SetOrigin((-12.0 + 6 * 0.6, -15.0, 34.0))
    sitk.WriteImage(moved, str(tmp_path / "arterial.nii.gz"))
    exam = Exam(
        "p",
        {name: tmp_path / f"{name}.nii.gz" for name in ("plain", "arterial")},
        {"plain": tmp_path / "labels.nii.gz"},
        {},
    )
    volume = load_volume(exam, ("plain", "arterial", "venous"), SPACING)
    assert np.allclose(volume.hu[1, 4:, :, 6:], arterial[4:, :, 6:], atol=1)
    assert (volume.hu[1, :4] == -1024).all()
    assert volume.present == (True, True, False)
    coarse = load_volume(exam, ("plain", "arterial"), (2.0, 1.2, 1.2))
    assert coarse.grid.shape == (12, 20, 20)
    assert coarse.hu[0].mean() == pytest.approx(plain.mean(), abs=12)


def test_separate_fusion_makes_a_sample_of_each_phase(tmp_path):
    exam = read_exams(write_cohort(tmp_path, 1))[0]
    separate = ModelSettings(fusion="separate")
    assert samples(exam, separate) == [("plain",), ("arterial",)]
    assert samples(exam, ModelSettings()) == [("plain", "arterial")]
    assert separate.channels == 1
    with pytest.raises(CtError, match="Patient p0 has the phases plain, arterial, none of"):
        samples(exam, ModelSettings(phases=("venous",)))


def test_faults_of_a_table_are_told_all_at_once(tmp_path):
    write_cohort(tmp_path, 1)
    (tmp_path / "wrong.csv").write_text(
        "patient,phase,image,labels,split\n"
        "p0,plain,p0_plain.nii.gz,nowhere.nii.gz,train\n"
        "p0,plain,p0_plain.nii.gz,,train\n"
        "p0,arterial,p0_arterial.nii.gz,,test\n"
        "p1,plain,p0_plain.nii.gz,,elsewhere\n"
    )
    with pytest.raises(CohortError) as caught:
        read_exams(tmp_path / "wrong.csv")
    told = "\n".join(caught.value.details)
    for words in ("no file nowhere", "phase 'plain' twice", "on two sides", "'elsewhere' is not"):
        assert words in told


def test_confounders_are_those_that_the_anatomy_names(tmp_path):
    exam = read_exams(write_cohort(tmp_path, 1))[0]
    anatomy = np.zeros(SHAPE, np.int16)
    for x, value in ((18, 5), (20, 6), (22, 7)):
        anatomy[1, 20, x] = value
    write(tmp_path / "anatomy.nii.gz", anatomy)
    (tmp_path / "anatomy.json").write_text('{"values": {"lymph_node": 5, "fat": 6, "carotid": 7}}')
    exam = replace(exam, anatomy={"plain": tmp_path / "anatomy.nii.gz"})
    volume = load_volume(exam, ("plain", "arterial"), SPACING)
    write_case(tmp_path / "case", volume, TINY.model, exam)
    spots = read_case(tmp_path / "case").spots["confounder"]
    assert {int(anatomy[tuple(spot)]) for spot in spots} == {5, 7}


def paired(**how: object) -> TrainConfig:
    settings = ModelSettings(
        phases=("plain",), spacing=SPACING, patch=(16, 16, 16),
        classes={"right": (3,), "left": (4,), "cord": (2,)},
    )  # fmt: skip
    return TrainConfig(model=settings, **how)  # type: ignore[arg-type]


def test_a_mirrored_patch_has_its_sides_exchanged():
    config = paired(mirror=(("right", "left"), ("cord", "cord")))
    labels = torch.zeros((4, 4, 8), dtype=torch.int64)
    labels[0, 0, 1], labels[1, 1, 6], labels[2, 2, 5] = 3, 4, 2
    volume = torch.arange(4 * 4 * 8, dtype=torch.float32).reshape(1, 4, 4, 8)
    turned, swapped = mirrored(volume, labels, config)
    assert torch.equal(turned, volume.flip(-1))
    # What was the right one on the right is the left one on the left.
    assert (swapped[0, 0, 6], swapped[1, 1, 1], swapped[2, 2, 2]) == (4, 3, 2)
    assert int((swapped > 0).sum()) == 3
    back = mirrored(turned, swapped, config)
    assert torch.equal(back[0], volume)
    assert torch.equal(back[1], labels)


def test_half_of_the_patches_are_mirrored_where_the_settings_say_so():
    labels = np.zeros((16, 16, 16), np.int16)
    labels[8, 8, 2], labels[8, 8, 11] = 3, 4
    places = np.argwhere(labels).astype(np.int32)
    case = Case(
        "a", "a", np.zeros((1, 16, 16, 16), np.int16), (True,), labels,
        {"gland": places[:0], "confounder": places[:0], "anywhere": np.full((1, 3), 8, np.int32)},
        labels[tuple(places.T)], Grid((16, 16, 16), SPACING, (0.0, 0.0, 0.0), ()),
    )  # fmt: skip
    quiet = {"near": 0.0, "confounders": 0.0, "augment": "none"}
    for pairs, share in ((((("right", "left")), ("cord", "cord")), 0.5), ((), 0.0)):
        config = paired(mirror=pairs, **quiet)
        found = []
        for seed in range(200):
            _, target, _ = draw_patch([case], config, np.random.default_rng(seed))
            # The right one stays on the right, in a mirrored patch as well.
            (right,), (left,) = (np.argwhere(target[i].numpy())[:, 2] for i in (0, 1))
            assert right < left
            found.append(right == 16 - 1 - 11)
        assert np.mean(found) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [((("right", "top"),), "no class top"), ((("right", "left"),), "Every class must stand")],
)
def test_what_cannot_be_mirrored_is_refused(pairs, words):
    with pytest.raises(CtError, match=words):
        paired(mirror=pairs)


def test_pairs_survive_a_file():
    config = paired(mirror=(("right", "left"), ("cord", "cord")))
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert TrainConfig.from_json({"base": 8}).mirror == ()
