"""The machine model: what it predicts, what a file may hold, what calibration measures."""

import json

import numpy as np
import pytest

from sparsela.matmul import MachineModel, calibrate, plan_multiply, set_model
from sparsela.matmul import _model as model_module


@pytest.fixture(autouse=True)
def forget():
    yield
    set_model(None)


def forget_the_environment(monkeypatch):
    monkeypatch.setattr(model_module, "_looked", False)
    model_module._in_force.clear()


def test_predictions_add_up():
    model = MachineModel.nominal()
    assert model.predict_blas((2048, 2048, 2048)) == pytest.approx(2 * 2048**3 / 52e9, rel=0.02)
    blas = plan_multiply((2048, 2048), (2048, 2048), levels=0, n_jobs=1)
    assert model.predict(blas) == model.predict_blas((2048, 2048, 2048))
    for levels in (1, 2, 3):
        plan = plan_multiply((4096, 4096), (4096, 4096), scheme="winograd", levels=levels, n_jobs=1)
        ratio = model.predict_blas((4096,) * 3) / model.predict(plan)
        assert 1 < ratio < (8 / 7) ** levels
    one, two = (
        model.predict(plan_multiply((4096, 4096), (4096, 4096), scheme="winograd", levels=2, n_jobs=n)) for n in (1, 2)
    )
    assert one / 2 < two < one / 1.6
    thin = model.predict_blas((4096, 64, 4096))
    assert thin > 2 * 4096 * 64 * 4096 / 52e9


def test_streams_of_winograd():
    plan = plan_multiply((4096, 4096), (4096, 4096), scheme="winograd", levels=2, n_jobs=1)
    assert plan.streams[0] == (12, 12, 7)  # four read; four written, which reads them too; in place for C
    assert plan.streams[1][2] > 7  # some products are added to what is there
    assert plan.rounds[0] == (4, 3)


def test_save_and_load(tmp_path):
    model = MachineModel.nominal("float32")
    path = tmp_path / "model.json"
    model.save(path)
    assert MachineModel.load(path) == model
    set_model(path)
    assert model_module.current_model(np.dtype("float32")) == model
    fields = json.loads(path.read_text())
    for change, message in (
        ({"format": 99}, "newer"),
        ({"format": "x"}, "newer"),
        ({"color": 3}, "not a machine model"),
    ):
        path.write_text(json.dumps(fields | change))
        with pytest.raises(ValueError, match=message):
            MachineModel.load(path)
    for text in ("", "[]", "3", "{}", '{"format": 1}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="not a machine model"):
            set_model(path)


def test_a_model_of_another_dtype_is_refused(tmp_path):
    path = tmp_path / "model.json"
    MachineModel.nominal("float32").save(path)
    with pytest.raises(ValueError, match="float32"):
        plan_multiply((9, 9), (9, 9), "float64", model=path)
    set_model(path)  # for float32 alone
    assert model_module.current_model(np.dtype("float64")).dtype == "float64"


def test_the_environment_names_a_file(tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    fields = {name: getattr(MachineModel.nominal(), name) for name in MachineModel.__dataclass_fields__}
    MachineModel(**fields | {"measured": True, "near": 1.0, "far": 1.0}).save(path)
    monkeypatch.setenv(model_module.VARIABLE, str(path))
    forget_the_environment(monkeypatch)
    assert plan_multiply((4096, 4096), (4096, 4096), n_jobs=1).levels == 0  # memory is too slow there
    set_model(None)
    assert plan_multiply((4096, 4096), (4096, 4096), n_jobs=1).levels == 2
    monkeypatch.setenv(model_module.VARIABLE, str(tmp_path / "none.json"))
    forget_the_environment(monkeypatch)
    with pytest.raises(ValueError, match="cannot be read"):
        plan_multiply((9, 9), (9, 9))


def test_calibration(tmp_path):
    model = calibrate("float32", n_jobs=2, budget=0.3, save=tmp_path / "m.json")
    assert MachineModel.load(tmp_path / "m.json") == model
    assert model.measured
    assert model.n_threads == 2
    assert all(1e8 < rate < 1e13 for rate in model.rates)
    assert all(0 < share <= 1 for share in model.thin)
    assert model.far > 1e8
    assert model.near > 1e8
    assert model.blas_speedup >= 1
    assert model.stream_speedup >= 1
    set_model(model)
    plan = plan_multiply((3000, 3000), (3000, 3000), "float32", n_jobs=2)
    assert plan.predicted_time <= plan.predicted_blas_time


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dtype": "U3"}, TypeError, "numbers"),
        ({"budget": 0}, ValueError, "budget"),
        ({"budget": "long"}, TypeError, "budget"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
    ],
)
def test_bad_calibration(options, error, message):
    with pytest.raises(error, match=message):
        calibrate(**options)


def test_set_model_takes_models_and_paths():
    with pytest.raises(TypeError, match="MachineModel"):
        set_model(7)
    with pytest.raises(FileNotFoundError):
        set_model("/nowhere/model.json")
