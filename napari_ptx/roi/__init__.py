"""Outlines and masks: geometry, measurement, overlap, exchange formats.

The names are loaded when they are first used. The drawing tools are in
``napari_ptx.roi.edit``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_ptx.roi.coco import Picture, read_coco, write_coco
    from napari_ptx.roi.comparison import Overlap, overlap
    from napari_ptx.roi.dicom_objects import DicomObject, find_objects, object_of
    from napari_ptx.roi.dicom_seg import read_seg, write_seg
    from napari_ptx.roi.dicom_sr import write_sr
    from napari_ptx.roi.imagej import read_imagej, read_named, write_imagej
    from napari_ptx.roi.instances import Instances, Structure, masks_of, read_instances, read_layers
    from napari_ptx.roi.label_files import read_label_map
    from napari_ptx.roi.label_maps import Placement, write_nifti_labels, write_seg_nrrd
    from napari_ptx.roi.masks import read_mask, read_roi, write_mask
    from napari_ptx.roi.measurands import MEASURANDS, Measurand
    from napari_ptx.roi.measurement import Measurement, measure, measure_mask
    from napari_ptx.roi.outline import Outline, Roi, RoiError
    from napari_ptx.roi.outline_set import OutlineSet
    from napari_ptx.roi.raster import rasterise, rasterise_window, trace

__all__ = [
    "MEASURANDS",
    "DicomObject",
    "Instances",
    "Measurand",
    "Measurement",
    "Outline",
    "OutlineSet",
    "Overlap",
    "Picture",
    "Placement",
    "Roi",
    "RoiError",
    "Structure",
    "find_objects",
    "masks_of",
    "measure",
    "measure_mask",
    "object_of",
    "overlap",
    "rasterise",
    "rasterise_window",
    "read_coco",
    "read_imagej",
    "read_instances",
    "read_label_map",
    "read_layers",
    "read_mask",
    "read_named",
    "read_roi",
    "read_seg",
    "trace",
    "write_coco",
    "write_imagej",
    "write_mask",
    "write_nifti_labels",
    "write_seg",
    "write_seg_nrrd",
    "write_sr",
]

# A module must not have the name of a function: once loaded, it would hide it.
_HOMES = {
    "coco": ("Picture", "read_coco", "write_coco"),
    "comparison": ("Overlap", "overlap"),
    "dicom_objects": ("DicomObject", "find_objects", "object_of"),
    "dicom_seg": ("read_seg", "write_seg"),
    "dicom_sr": ("write_sr",),
    "imagej": ("read_imagej", "read_named", "write_imagej"),
    "instances": ("Instances", "Structure", "masks_of", "read_instances", "read_layers"),
    "label_files": ("read_label_map",),
    "label_maps": ("Placement", "write_nifti_labels", "write_seg_nrrd"),
    "masks": ("read_mask", "read_roi", "write_mask"),
    "measurands": ("MEASURANDS", "Measurand"),
    "measurement": ("Measurement", "measure", "measure_mask"),
    "outline": ("Outline", "Roi", "RoiError"),
    "outline_set": ("OutlineSet",),
    "raster": ("rasterise", "rasterise_window", "trace"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
