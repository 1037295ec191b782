"""plan_features: what is foretold is what is used."""

from __future__ import annotations

import numpy as np
import pytest

from assay import AssayError, Data, LinearGradients, TorchGradients, plan_features


def test_bytes_and_operations_are_those_of_the_whole():
    """Bytes are those that features of all rows take, and operations those of their products."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    net = torch.nn.Sequential(torch.nn.Linear(20, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    data = Data(np.random.default_rng(0).normal(size=(1024, 20)), np.arange(1024) % 3)
    gradients = TorchGradients(net)
    forecast = plan_features(gradients, data)
    assert forecast.bytes == gradients.rows(data).nbytes
    assert forecast.parameters == 20 * 8 + 8 + 8 * 3 + 3
    assert forecast.dense_bytes == 4 * 1024 * forecast.parameters
    forward = 2 * 1024 * (20 * 8 + 8 * 3)
    back = 2 * 1024 * 8 * 3  # to what the first layer gives: no weight's gradient is multiplied out
    assert forecast.flops == forward + back
    assert "1,024 rows by 195 parameters" in str(forecast)


def test_other_data_is_refused():
    """A data set without a length known ahead is refused by its type."""
    model = LinearGradients(np.ones((1, 3)), "squared", np.zeros(3))
    with pytest.raises(AssayError, match="not list"):
        plan_features(model, [1, 2])
    with pytest.raises(AssayError, match=r"pass assay\.TorchGradients"):
        plan_features("model", [1, 2])  # type: ignore[arg-type]
