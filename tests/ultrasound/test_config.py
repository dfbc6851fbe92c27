from __future__ import annotations

import dataclasses
import json

import pytest

from napari_ptx.ultrasound.config import RunConfig
from napari_ptx.ultrasound.errors import UltrasoundError


def test_a_configuration_survives_json() -> None:
    config = RunConfig(
        families=("radiomics", "merged-2+clinical"), clinical=("age",), icc_threshold=0.75, seed=4
    )
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert RunConfig.from_json({"icc_threshold": 1}).icc_threshold == 1.0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"families": ("resnet",)}, "families has no 'resnet'"),
        ({"families": ()}, "families names nothing"),
        ({"families": ("clinical",)}, "needs clinical columns"),
        ({"families": ("late",)}, "Late fusion needs two"),
        ({"families": ("radiomics", "late")}, "Late fusion needs two"),
        ({"families": ("late+clinical",), "clinical": ("age",)}, "late stands alone"),
        ({"choose_on": "test"}, "only with --scheme paper"),
        ({"scheme": "holdout"}, "scheme has no 'holdout'"),
        ({"classifiers": ("svc",)}, "classifiers has no 'svc'"),
        ({"classifiers": ()}, "classifiers names nothing"),
        ({"folds": 1}, "folds is 1; give a number from 2 to 20"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, sentence) -> None:
    with pytest.raises(UltrasoundError, match=sentence):
        RunConfig(**change)


def test_unknown_settings_and_wrong_kinds_are_refused() -> None:
    with pytest.raises(UltrasoundError, match="no setting 'fold'"):
        RunConfig.from_json({"fold": 5})
    for name, value in {"folds": 5.5, "note": 3, "augment_eval": 1, "clinical": "age"}.items():
        with pytest.raises(UltrasoundError, match=f"'{name}' cannot be"):
            RunConfig.from_json({name: value})


def test_the_needs_of_families() -> None:
    config = RunConfig(families=("radiomics", "merged-1", "resnet-2ch", "late"))
    assert config.channels == (1, 2)
    assert config.fused == ("radiomics", "resnet-2ch")
    assert config.radiomic
    alone = dataclasses.replace(config, families=("resnet-1ch",))
    assert not alone.radiomic
    assert alone.channels == (1,)
