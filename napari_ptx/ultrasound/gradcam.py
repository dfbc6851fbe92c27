"""Grad-CAM: where in a crop a network found evidence, on the crop's and the image's grid."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_ptx.child import Progress
from napari_ptx.ultrasound.blocks import block_name, case_crop
from napari_ptx.ultrasound.cases import load_case
from napari_ptx.ultrasound.deep import TrainedNetwork, load
from napari_ptx.ultrasound.deep_data import Crops
from napari_ptx.ultrasound.errors import UltrasoundError
from napari_ptx.ultrasound.networks import as_input, resized
from napari_ptx.ultrasound.runs import SPLITS, Run, network_folder

Evidence = Literal["positive", "negative"]


class CropLike(Protocol):
    """What ``grad_cam`` needs of a crop: ``crop.Crop`` has it."""

    @property
    def image(self) -> NDArray[np.float32]:
        """``(size, size)``, grey values in 0..1."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(size, size)``, the ROI."""


class _TwoClasses(nn.Module):
    """The same network with a logit for each class, so that either can be asked for."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensor) -> Tensor:
        logit: Tensor = self.network(batch)
        return torch.cat([-logit, logit], 1)


def grad_cam(
    trained: TrainedNetwork, shown: CropLike, *, evidence: Evidence = "positive"
) -> NDArray[np.float32]:
    """Show which parts of a crop speak for a class.

    Parameters
    ----------
    trained
        The network.
    shown
        The crop: with ``image`` and ``mask``, of any side.
    evidence
        For class 1 ("positive") or class 0.

    Returns
    -------
    numpy.ndarray
        ``(size, size)`` of the crop, 0 to 1 (the strongest place of this crop; maps of
        two crops have no common scale). All zero where nothing speaks for the class.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017, for the last convolutional stage (layer4);
    as MONAI computes it.
    """
    from monai.visualize.class_activation_maps import GradCAM

    held = Crops(shown.image[None], shown.mask[None])
    small = resized(held, trained.config.size)
    batch = as_input(small.images, small.masks, trained.config.channels)
    # MONAI leaves its hooks on the network that it is given.
    network = _TwoClasses(copy.deepcopy(trained.network)).eval()
    device = next(network.parameters()).device
    camera = GradCAM(network, "network.encoder.layer4", postprocessing=lambda found: found)
    found = camera(batch.to(device), class_idx=int(evidence == "positive"))
    if held.size != small.size:
        found = nn.functional.interpolate(found, (held.size, held.size), mode="bilinear")
    values: NDArray[np.float32] = found[0, 0].detach().float().cpu().numpy()
    peak = float(values.max())
    return values / np.float32(peak) if peak > 0 else np.zeros_like(values)


def on_image(
    shown: NDArray[np.float32], box: tuple[float, float, float, float], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Put a map of a crop back on the grid of the image.

    Parameters
    ----------
    shown
        ``(size, size)`` on the crop.
    box
        Top, left, bottom and right edge of the crop in the image, as ``Crop.box``.
    shape
        Rows and columns of the image.

    Returns
    -------
    numpy.ndarray
        ``(y, x)``, float32; 0 outside the crop, which the network did not see. A
        pixel has the value of the map at its centre, bilinearly.
    """
    from scipy.ndimage import map_coordinates

    top, left, bottom, right = box
    result = np.zeros(shape, dtype=np.float32)
    # Pixels whose centres (a half from their edge) lie in the box.
    rows = np.arange(max(math.ceil(top - 0.5), 0), min(math.ceil(bottom - 0.5), shape[0]))
    columns = np.arange(max(math.ceil(left - 0.5), 0), min(math.ceil(right - 0.5), shape[1]))
    size_y, size_x = shown.shape
    y = (rows + 0.5 - top) / (bottom - top) * size_y - 0.5
    x = (columns + 0.5 - left) / (right - left) * size_x - 0.5
    places = np.meshgrid(y, x, indexing="ij")
    result[np.ix_(rows, columns)] = map_coordinates(shown, places, order=1, mode="nearest")
    return result


@dataclass(frozen=True, eq=False)
class CaseCam:
    """Grad-CAM of one case by a run's networks.

    Parameters
    ----------
    values
        ``(y, x)`` of the image, float32, 0 to 1; 0 outside the crop.
    network
        "resnet-1ch" or "resnet-2ch".
    folds
        Whose network it was; of several, ``values`` is the mean of their maps.
    probability
        Of class 1 by the network itself; of several, the mean.
    """

    values: NDArray[np.float32]
    network: str
    folds: tuple[str, ...]
    probability: float


def case_grad_cam(
    run: Run,
    row: Mapping[str, Any],
    network: str | None = None,
    *,
    evidence: Evidence = "positive",
    progress: Progress | None = None,
) -> CaseCam:
    """Show, on its image, which parts of a case speak for a class.

    A case that the run was evaluated on is shown to the network that had not seen it;
    any other case to the networks of all folds, as for a prediction.

    Parameters
    ----------
    run
        An opened run.
    row
        ``case``, ``image`` and ``roi``, as for ``load_case``.
    network
        "resnet-1ch" or "resnet-2ch"; the one that also sees the ROI where there are both.
    evidence
        As for ``grad_cam``.

    Raises
    ------
    UltrasoundError
        The run has no such network, or the case cannot be read.
    """
    config = run.config
    names = [block_name(channels) for channels in config.channels]
    network = network or (names[-1] if names else "")
    if network not in names:
        said = f"it has {' and '.join(names)}" if names else "it was trained without networks"
        raise UltrasoundError(
            f"The run {run.folder.name} has no network {network or 'for Grad-CAM'}: {said}."
        )
    case = load_case(row, lesions=config.lesions)  # type: ignore[arg-type]
    cut = case_crop(case, config)
    folds = _unseen(run, str(row["case"]))
    total, probability = np.zeros(cut.image.shape, dtype=np.float64), 0.0
    for done, fold in enumerate(folds):
        if progress is not None:
            progress(done, len(folds), f"Grad-CAM of {network}, fold {fold}")
        trained = load(network_folder(run.folder, network, fold))
        total += grad_cam(trained, cut, evidence=evidence)
        probability += float(trained.predict(Crops(cut.image[None], cut.mask[None]))[0])
    mean = (total / len(folds)).astype(np.float32)
    y, x = case.grey.shape
    return CaseCam(on_image(mean, cut.box, (y, x)), network, folds, probability / len(folds))


def _unseen(run: Run, case: str) -> tuple[str, ...]:
    """Give the fold in which a case was evaluated, or all folds."""
    splits = run.table(SPLITS)
    mine = splits[splits["case"] == case]
    tested = (fold for fold in run.folds if (mine[f"fold {fold}"] == "test").any())
    first = next(tested, None)
    return run.folds if first is None else (first,)
