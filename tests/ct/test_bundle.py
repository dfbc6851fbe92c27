"""Models on disk: whole, unchanged, and nothing in them that could be run."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("monai")
import torch
from monai.networks.nets import DynUNet
from safetensors.torch import save_file

from napari_ptx.cli.root import run
from napari_ptx.ct.bundle import (
    INFERENCE,
    METADATA,
    PROBE,
    WEIGHTS,
    open_model,
    read_safetensors,
    verify_model,
    write_model,
)
from napari_ptx.ct.config import ModelSettings
from napari_ptx.ct.errors import CtError
from napari_ptx.ct.importing import import_model
from napari_ptx.ct.network import NetworkConfig, build

CONFIG = NetworkConfig(channels=2, classes=1, base=4, stages=4)
SETTINGS = ModelSettings(patch=(32, 32, 32))


class Bomb:
    """Leaves a file where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("bomb-went-off"),))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    write_model(folder, build(CONFIG, seed=5), SETTINGS, note="balls", train={"lr": 1})
    return folder


@pytest.fixture
def model(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "model"))


def test_a_model_comes_back_as_it_was(model):
    opened = open_model(model)
    volume = torch.rand((1, 2, 16, 16, 16))
    with torch.inference_mode():
        difference = opened.network(volume) - build(CONFIG, seed=5).eval()(volume)
    assert difference.abs().max() < 1e-6
    assert opened.settings == SETTINGS
    assert opened.note == "balls"
    assert not list(model.rglob("*.part"))


def test_the_layout_is_that_of_a_monai_bundle(model):
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(model / INFERENCE)
    network = parser.get_parsed_content("network_def")
    assert isinstance(network, DynUNet)
    wrong = network.load_state_dict(read_safetensors(model / WEIGHTS), strict=False)
    assert all(name.startswith("skip_layers.") for name in wrong.missing_keys)
    assert parser.get_parsed_content("inferer").roi_size == [32, 32, 32]
    metadata = json.loads((model / METADATA).read_text())
    needed = {"version", "monai_version", "pytorch_version", "numpy_version", "description"}
    assert needed <= set(metadata)
    assert metadata["network_data_format"]["inputs"]["image"]["num_channels"] == 2
    # Data only: nothing that MONAI would run as an expression.
    assert '"$' not in (model / INFERENCE).read_text()


def test_verify_compares_hashes_and_the_stored_answer(model):
    found = verify_model(model)
    assert found.same
    assert found.difference < 1e-5
    assert found.files == 5
    assert run(["model", "verify", str(model)]) == 0


def test_verify_tells_a_model_that_answers_otherwise(model, capsys):
    from napari_ptx.ct.bundle import FORMAT
    from napari_ptx.learn.manifest import write_manifest

    held = read_safetensors(model / PROBE)
    save_file({"input": held["input"], "output": held["output"] + 1}, model / PROBE)
    write_manifest(model, FORMAT, {})
    assert not verify_model(model).same
    assert run(["model", "verify", str(model), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["same"] is False


@pytest.mark.parametrize("name", [WEIGHTS, PROBE, INFERENCE, METADATA])
def test_a_changed_file_is_refused_by_name(model, name, capsys):
    data = bytearray((model / name).read_bytes())
    data[-2] ^= 1
    (model / name).write_bytes(data)
    with pytest.raises(CtError, match=name):
        open_model(model)
    assert run(["model", "verify", str(model)]) == 2
    assert Path(name).name in capsys.readouterr().err


def test_missing_and_foreign_files_are_refused(model):
    (model / WEIGHTS).rename(model / "w")
    with pytest.raises(CtError, match=r"model\.safetensors is missing"):
        open_model(model)
    (model / "w").rename(model / WEIGHTS)
    (model / "scripts").mkdir()
    (model / "scripts/evil.py").write_text("raise SystemExit")
    with pytest.raises(CtError, match=r"evil\.py is not in the model's manifest"):
        open_model(model)
    shutil.rmtree(model / "scripts")
    (model / "manifest.json").unlink()
    with pytest.raises(CtError, match="not a finished model"):
        open_model(model)
    with pytest.raises(CtError, match="is not a folder"):
        open_model(model / "nothing")


@pytest.mark.parametrize("name", ["models/model.pt", "models/x.safetensors", "models/a.pth"])
def test_pickles_are_refused(model, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (model / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CtError, match="pickle"):
        open_model(model)
    with pytest.raises(CtError, match="pickle"):
        import_model(model / name, tmp_path / "new", SETTINGS)
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(CtError, match=r"torch\.save"):
        import_model(tmp_path / "weights.safetensors", tmp_path / "new", SETTINGS)
    assert not Path("bomb-went-off").exists()
    assert not (tmp_path / "new").exists()


def _bundle(folder: Path, **changes) -> Path:
    """A bundle as MONAI's are, with weights of the given shape."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "scripts").mkdir()
    (folder / "scripts/__init__.py").write_text("raise SystemExit('was run')")
    arguments = {**CONFIG.monai(), **changes.pop("arguments", {})}
    config = {
        "imports": ["$import scripts"],
        "device": "$torch.device('cuda')",
        "channels": 2,
        "network_def": {"_target_": "DynUNet", **arguments, "in_channels": "@channels"},
        "network": "$@network_def.to(@device)",
    }
    config["network_def"] |= changes
    (folder / "configs/inference.json").write_text(json.dumps(config))
    theirs = DynUNet(**CONFIG.monai())
    state = {
        name: value.clone()
        for name, value in theirs.state_dict().items()
        if not name.startswith("skip_layers.")
    }
    save_file(state, folder / "models/model.safetensors")
    return folder


def test_a_bundle_is_taken_over_without_running_it(tmp_path, capsys):
    bundle = _bundle(tmp_path / "bundle")
    assert run(["model", "import", str(bundle), "-o", str(tmp_path / "new"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["left_out"] == ["scripts/__init__.py"]
    opened = open_model(tmp_path / "new")
    theirs = DynUNet(**CONFIG.monai()).eval()
    theirs.load_state_dict(read_safetensors(bundle / "models/model.safetensors"), strict=False)
    volume = torch.rand((1, 2, 16, 16, 16))
    with torch.inference_mode():
        assert torch.allclose(opened.network(volume), theirs(volume), atol=1e-5)
    assert verify_model(tmp_path / "new").same
    with pytest.raises(CtError, match="in use"):
        import_model(bundle, tmp_path / "new", SETTINGS)


def test_bundles_that_need_a_program_or_compute_otherwise_are_refused(tmp_path):
    def refused(name: str, match: str, **changes) -> None:
        with pytest.raises(CtError, match=match):
            import_model(_bundle(tmp_path / name, **changes), tmp_path / "new", SETTINGS)
        assert not (tmp_path / "new").exists()

    refused("a", "program in network_def", strides="$[1, 2, 2, 2]")
    refused("b", "res_block", res_block=True)
    refused("c", "act_name", act_name="relu")
    refused("d", "not MONAI's DynUNet", _target_="os.system")
    refused("e", "strides", strides=[1, 2, 2, 1])
    bundle = _bundle(tmp_path / "f")
    (bundle / "models/model.safetensors").unlink()
    torch.save({}, bundle / "models/model.pt")
    with pytest.raises(CtError, match=r"model\.pt can run any program"):
        import_model(bundle, tmp_path / "new", SETTINGS)
    with pytest.raises(CtError, match="takes 2 channels, but 1"):
        import_model(_bundle(tmp_path / "g"), tmp_path / "new", ModelSettings(phases=("plain",)))


def test_a_state_dict_is_taken_over(tmp_path):
    state = build(NetworkConfig(1, 4, 4, 3)).state_dict()
    save_file(state, tmp_path / "weights.bin")  # the content decides
    settings = ModelSettings(phases=("plain",), activation="softmax", patch=(32, 32, 32))
    model = import_model(tmp_path / "weights.bin", tmp_path / "new", settings).model
    assert list(model.settings.classes) == ["class-1", "class-2", "class-3"]
    assert model.network.config == NetworkConfig(1, 4, 4, 3)


@pytest.mark.data
def test_real_weights_are_read_safely_or_refused_with_the_reason(data_dir, tmp_path):
    weights = data_dir / "weights"
    if not weights.is_dir():
        pytest.skip("the folder of weights is not here")
    outcomes = {}
    for path in sorted(weights.rglob("*")):
        if path.suffix in (".pth", ".pkl", ".onnx"):
            with pytest.raises(CtError) as caught:
                import_model(path, tmp_path / "new", SETTINGS)
            outcomes[path.relative_to(weights).as_posix()] = caught.value.message
            assert str(path) in caught.value.message
    # Three are safetensors under a foreign name: they are read, and are another network.
    for name in ("model18cls", "model21_104class", "model5_gw_ae"):
        path = weights / f"brainchop/meshnet/{name}/model.pth"
        assert read_safetensors(path)["model.0.weight"].shape[1:] == (1, 3, 3, 3)
        assert "another network" in outcomes[path.relative_to(weights).as_posix()]
    assert "torch.save" in outcomes["brainchop/meshnet/mindgrab/model.pth"]
    assert "pickle" in outcomes["totalseg_contrast_phase_classifiers_2024_07_19.pkl"]
    assert "no safetensors" in outcomes["brainchop/multiaxial/axial_model.onnx"]
    assert not (tmp_path / "new").exists()


def test_settings_survive_json_and_are_checked():
    settings = ModelSettings(("ct",), classes={"right": (3,), "left": (4,)}, fusion="separate")
    assert ModelSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert not settings.glands
    assert SETTINGS.glands
    for wrong in (
        {"fusion": "late"},
        {"spacing": (0.0, 1.0, 1.0)},
        {"window": (5.0, 1.0)},
        {"overlap": 1.0},
        {"phases": ("a", "a")},
        {"classes": {"a": (1,), "b": (1,)}},
    ):
        with pytest.raises(CtError):
            ModelSettings(**wrong)
    for wrong in ({"colour": 1}, {"spacing": "thick"}, {"classes": [1]}):
        with pytest.raises(CtError):
            ModelSettings.from_json(wrong)
