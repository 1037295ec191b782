"""GraNd beside gradients by autograd and in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import random_trace, recorded, values
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from truth import two_clouds

from assay import AssayError, Data, GraNd, Problem, TorchGradients, value

nan = np.nan


def test_norms_of_the_trace_by_hand():
    """Minus the mean of the norms over the first epochs that saw the row, and over traces."""
    first = recorded(np.ones((3, 2)), norms=np.array([[1.0, nan], [3.0, 4.0], [90.0, 90.0]]))
    second = recorded(np.ones((1, 2)), norms=np.array([[6.0, 2.0]]))
    np.testing.assert_allclose(values(GraNd(epochs=2), first), [-2, -4])
    np.testing.assert_allclose(values(GraNd(epochs=2), first, second), [-4, -3])


def test_is_the_length_of_autograds_gradients_at_the_checkpoints():
    """Without a trace, the mean over the first checkpoints of the lengths of gradients of single losses."""
    torch = pytest.importorskip("torch")

    def net(seed):
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)]
        return torch.nn.Sequential(*layers).double()

    train, lengths = two_clouds().train, []
    for seed in (1, 2):
        module, now = net(seed), []
        for x, y in zip(torch.tensor(train.X), torch.tensor(train.y), strict=True):
            loss = torch.nn.functional.cross_entropy(module(x[None]), y[None])
            parts = torch.autograd.grad(loss, list(module.parameters()))
            now.append(torch.cat([part.ravel() for part in parts]).norm().item())
        lengths.append(now)
    states = [net(seed).state_dict() for seed in (1, 2, 3)]
    gradients = TorchGradients(net(3), checkpoints=states)
    problem = Problem(train, model=net(3), gradients=gradients)
    found = value(problem, GraNd(epochs=2), progress=False).values
    np.testing.assert_allclose(found, -np.mean(lengths, axis=0), rtol=1e-10)
    alone = value(Problem(train, model=net(1)), GraNd(), progress=False).values
    np.testing.assert_allclose(alone, -np.array(lengths[0]), rtol=1e-10)


def test_is_the_closed_form_of_ridge():
    """For numbers, of the squared error: twice the residual times the length of (x, 1)."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), rng.normal(size=30)
    model = Ridge(alpha=2.0).fit(X, y)
    found = value(Problem(Data(X, y), model=Ridge(alpha=2.0)), GraNd(), progress=False).values
    truth = 2 * np.abs(model.predict(X) - y) * np.linalg.norm(np.column_stack([X, np.ones(30)]), axis=1)
    np.testing.assert_allclose(found, -truth, rtol=1e-8)


def test_class_weights_count_as_they_did_in_training():
    """A class of weight 3 has gradients three times as long."""
    train = two_clouds().train
    weighted = LogisticRegression(class_weight={0: 3.0, 1: 1.0}).fit(train.X, train.y)
    found = value(Problem(train, model=weighted), GraNd(), progress=False).values
    plain = np.abs(weighted.predict_proba(train.X)[:, 1] - train.y)
    plain = plain * np.linalg.norm(np.column_stack([train.X, np.ones(len(train))]), axis=1)
    np.testing.assert_allclose(found, -plain * np.where(train.y == 0, 3, 1), rtol=1e-6)


def test_a_trace_goes_before_the_model():
    """Where there is a trace, its norms are the values, whatever the model."""
    trace = recorded(np.ones((1, 2)), norms=np.array([[1.0, 2.0]]))
    data = Data([[0.0], [1.0]], [0, 1])
    found = value(Problem(data, model=LogisticRegression(), trace=trace), GraNd(), progress=False).values
    np.testing.assert_array_equal(found, [-1, -2])


def test_a_trace_without_norms_is_refused_with_the_fix():
    """Neither a trace without norms nor a followed model without gradients is made do with."""
    with pytest.raises(AssayError, match=r"^GraNd: the trace has no norms of gradients; record them"):
        values(GraNd(), random_trace(0))
    with pytest.raises(AssayError, match=r"^GraNd: the trace has no norms of gradients; record them"):
        value(two_clouds(model=GradientBoostingClassifier(n_estimators=2)), GraNd())


def test_gradients_of_ones_own_are_asked():
    """`Problem(gradients=)` goes before the model's."""
    torch = pytest.importorskip("torch")
    train, module = two_clouds().train, torch.nn.Linear(2, 2).double()
    problem = Problem(train, model=LogisticRegression(), gradients=TorchGradients(module))
    alone = value(Problem(train, model=module), GraNd(), progress=False).values
    np.testing.assert_array_equal(value(problem, GraNd(), progress=False).values, alone)


@pytest.mark.parametrize("epochs", [0, -1, 2.5, True, "10", None])
def test_bad_epochs(epochs):
    """What is no number of epochs is refused, also when it came by set_params."""
    with pytest.raises(AssayError, match=r"^GraNd\.epochs is"):
        GraNd(epochs=epochs)
    with pytest.raises(AssayError, match=r"^GraNd\.epochs is"):
        values(GraNd().set_params(epochs=epochs), recorded([[1.0]], norms=np.ones((1, 1))))


def test_a_row_without_norms_early_is_named():
    """Norms of no early epoch are refused by the row's key."""
    trace = recorded(np.ones((2, 2)), norms=np.array([[1.0, nan], [1.0, 1.0]]))
    with pytest.raises(AssayError, match=r"^GraNd: 1 row\(s\) were not seen in the first 1 epochs"):
        values(GraNd(epochs=1), trace)
