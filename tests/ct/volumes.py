"""Small CTs with bright balls in them, which a small network learns in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from napari_ptx.ct.config import ModelSettings, TrainConfig

SPACING = (1.0, 0.6, 0.6)
SHAPE = (24, 40, 40)
PATCH = (16, 24, 24)

TINY = TrainConfig(
    ModelSettings(spacing=SPACING, patch=PATCH),
    base=4,
    epochs=3,
    steps=4,
    batch=2,
    folds=2,
    ema=0.9,
    precision="fp32",
    validate_every=1,
)


def balls(seed: int, shape: tuple[int, int, int] = SHAPE):
    """Two phases and labels: a body of 40 HU in air, balls that take up contrast."""
    generator = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    body = ((y - shape[1] / 2) / (0.48 * shape[1])) ** 2 + (
        (x - shape[2] / 2) / (0.48 * shape[2])
    ) ** 2 < 1
    plain = np.where(body, 40.0, -1000.0)
    arterial = plain.copy()
    labels = np.zeros(shape, np.int16)
    for number in range(1, 3):
        cz = generator.uniform(6, shape[0] - 6)
        # one on each side
        cx = shape[2] * (0.32 if number == 1 else 0.68) + generator.uniform(-3, 3)
        cy = shape[1] / 2 + generator.uniform(-6, 6)
        mm = ((z - cz) * SPACING[0]) ** 2 + ((y - cy) * SPACING[1]) ** 2
        ball = mm + ((x - cx) * SPACING[2]) ** 2 < generator.uniform(2.0, 3.0) ** 2
        labels[ball] = number
        plain[ball] += 20
        arterial[ball] += 160
    noise = generator.normal(0, 8, (2, *shape))
    return (plain + noise[0]).astype(np.int16), (arterial + noise[1]).astype(np.int16), labels


def write(path: Path, pixels: np.ndarray, *, flip: bool = False) -> None:
    """Write a volume; flipped: the same place in the patient, columns in the other order."""
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin((-12.0, -15.0, 30.0))
    if flip:
        image = sitk.Flip(image, (True, False, False))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def write_cohort(
    folder: Path, patients: int, *, flip: tuple[int, ...] = (), first: int = 0
) -> Path:
    """Write a cohort of two phases per patient and give its table."""
    rows = ["patient,phase,image,labels"]
    for number in range(first, first + patients):
        plain, arterial, labels = balls(number)
        for phase, pixels in (("plain", plain), ("arterial", arterial)):
            write(folder / f"p{number}_{phase}.nii.gz", pixels, flip=number in flip)
            labels_file = f"p{number}_labels.nii.gz" if phase == "plain" else ""
            rows.append(f"p{number},{phase},p{number}_{phase}.nii.gz,{labels_file}")
        write(folder / f"p{number}_labels.nii.gz", labels, flip=number in flip)
    table = folder / "cohort.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table
