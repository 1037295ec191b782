"""TorchGradients: what is recorded equals what autograd gives for each row, whatever the network."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from assay import (  # noqa: E402
    AssayError,
    Data,
    ExactUnrolled,
    GShapley,
    Influence,
    InRunShapley,
    Problem,
    RepresenterPoints,
    TorchGradients,
    value,
)

CLASSES = 4


class Words(nn.Module):
    """Embedding, layer norm, and a linear layer used on every word."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm = nn.Embedding(11, 6, padding_idx=0), nn.LayerNorm(6)
        self.inner, self.out = nn.Linear(6, 5), nn.Linear(5, CLASSES)

    def forward(self, x):
        """Mean over words."""
        return self.out(torch.relu(self.inner(self.norm(self.table(x)))).mean(dim=1))


class Tied(nn.Module):
    """A recurrent layer, a bare parameter, and a table that is used for the outputs too."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm = nn.Embedding(11, 6), nn.LayerNorm(6)
        self.recurrent, self.out = nn.GRU(6, 5, batch_first=True), nn.Linear(5, 6)
        self.scale = nn.Parameter(torch.full((6,), 1.3))

    def forward(self, x):
        """The last state."""
        states, _ = self.recurrent(self.norm(self.table(x)))
        return (self.out(states[:, -1]) * self.scale) @ self.table.weight.T[:, :CLASSES]


class TimeFirst(nn.Module):
    """Rows are the second axis inside; one layer is called twice, one never, and one works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.twice = nn.Linear(3, 5), nn.Linear(5, 5)
        self.out, self.unused = nn.Linear(5, CLASSES, bias=False), nn.Linear(2, 2)

    def forward(self, x):
        """The sum over four times."""
        state = self.first(x.reshape(len(x), 4, 3).transpose(0, 1)).relu_().sum(dim=0)
        return self.out(self.twice(torch.tanh(self.twice(state))))


def network(name: str):
    """A network and inputs for it, float64."""
    torch.manual_seed(0)
    numbers, words = torch.randn(9, 12), torch.randint(0, 11, (9, 5))
    dense = [
        nn.Linear(12, 7),
        nn.Tanh(),
        nn.Linear(7, 5),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(5, 4),
    ]
    image = [
        nn.Unflatten(1, (1, 4, 3)),
        nn.Conv2d(1, 3, 3, padding=1, stride=2),
        nn.BatchNorm2d(3),
        nn.ReLU(),
    ]
    image += [
        nn.Conv2d(3, 4, (2, 1), dilation=(1, 2), bias=False),
        nn.GroupNorm(2, 4),
        nn.Flatten(),
        nn.Linear(8, 4),
    ]
    line = [nn.Unflatten(1, (2, 6)), nn.Conv1d(2, 3, 3, padding=1), nn.GELU(), nn.Conv1d(3, 3, 3, groups=3)]
    line += [nn.Flatten(), nn.Linear(12, 4)]
    made = {
        "dense": lambda: (nn.Sequential(*dense), numbers),
        "image": lambda: (nn.Sequential(*image), numbers),
        "line": lambda: (nn.Sequential(*line), numbers),
        "words": lambda: (Words(), words),
        "tied": lambda: (Tied(), words),
        "time first": lambda: (TimeFirst(), numbers),
    }
    module, inputs = made[name]()
    return module.double(), inputs.double() if inputs.is_floating_point() else inputs


NAMES = ["dense", "image", "line", "words", "tied", "time first"]
LABELS = torch.arange(9) % CLASSES


def by_autograd(gradients, values, create_graph=False):
    """The gradient of each of `values` by all parameters that count, in the order of `gradients`."""
    own = dict(gradients.module.named_parameters())
    names = [name for part in gradients._parts for name in part.shapes]
    found = []
    for one in values:
        slopes = torch.autograd.grad(one, [own[n] for n in names], allow_unused=True, retain_graph=True)
        given = {
            n: (torch.zeros_like(own[n]) if g is None else g)[None]
            for n, g in zip(names, slopes, strict=True)
        }
        found.append(torch.cat([part.join(given) for part in gradients._parts], dim=1)[0].numpy())
    return np.array(found)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_autograd_row_by_row(name):
    """Losses, gradients, products with a vector, and curvatures equal what autograd gives for single rows."""
    module, inputs = network(name)
    gradients = TorchGradients(module)
    found = gradients.rows((inputs, LABELS))
    losses = functional.cross_entropy(gradients.module(inputs), LABELS, reduction="none")
    true = by_autograd(gradients, losses)
    np.testing.assert_allclose(found.dense(), true, atol=1e-10)
    np.testing.assert_allclose(gradients.losses((inputs, LABELS)), losses.detach(), atol=1e-12)
    vectors = found.dense()[:3] + true.mean(axis=0)
    np.testing.assert_allclose(gradients.along((inputs, LABELS), vectors[0]), true @ vectors[0], atol=1e-8)
    roots = np.concatenate([root.dense() for root in gradients.roots((inputs, LABELS))])
    product = gradients.product((inputs, LABELS), vectors)
    np.testing.assert_allclose(product, vectors @ roots.T @ roots, atol=1e-8 * np.abs(product).max())


@pytest.mark.parametrize("name", ["dense", "words", "time first"])
def test_hessian_products_are_differences_of_gradients(name):
    """The Hessian times a vector is the slope of the summed gradient along it, in smooth networks."""
    module, inputs = network(name)
    for child in module.modules():
        if isinstance(child, nn.ReLU):
            child.forward = torch.tanh  # no kinks
    gradients = TorchGradients(module)
    vector = gradients.rows((inputs, LABELS)).dense().mean(axis=0)
    found = gradients.product((inputs, LABELS), vector[None], "hessian")[0]
    pieces = {}
    for part, piece in zip(
        gradients._parts, torch.as_tensor(vector[None]).split(list(gradients.widths), dim=1), strict=True
    ):
        pieces |= part.split(piece)
    sides = []
    for sign in (1, -1):
        moved = TorchGradients(module)
        with torch.no_grad():
            for key, parameter in moved.module.named_parameters():
                parameter += sign * 1e-5 * pieces[key][0]
        sides.append(moved.rows((inputs, LABELS)).dense().sum(axis=0))
    np.testing.assert_allclose(found, (sides[0] - sides[1]) / 2e-5, atol=1e-5 * np.abs(found).max())


def test_which_layers_are_factors():
    """Linear layers and small convolutions are kept as factors; what is shared or unknown is not."""
    kinds = {}
    for name in ("words", "tied", "time first"):
        module, inputs = network(name)
        gradients = TorchGradients(module)
        gradients.rows((inputs, LABELS))  # the first batch shows what is used elsewhere, or not row by row
        kinds[name] = {part.name: part.kind for part in gradients._parts}
    assert kinds["words"] == {"table": "embedding", "norm": "norm", "inner": "linear", "out": "linear"}
    assert kinds["tied"] == {"norm": "norm", "out": "linear", "rest": "rest"}
    assert kinds["time first"] == {"twice": "linear", "out": "linear", "unused": "linear", "rest": "rest"}


def test_other_losses_and_functions():
    """Squared error, one logit, a loss of one's own, margins and probabilities have autograd's gradients."""
    torch.manual_seed(1)
    X, one = torch.randn(9, 12).double(), nn.Linear(12, 1).double()
    y, hit = torch.randn(9).double(), (LABELS > 1).long()
    logits = one(X)[:, 0]
    odds = torch.where(hit > 0, logits, -logits)
    cases = [
        ("squared", y, "loss", (logits - y) ** 2),
        ("squared", y, "margin", logits),
        ("binary", hit, "loss", functional.softplus(-odds)),
        ("binary", hit, "margin", odds),
        ("binary", hit, "probability", torch.sigmoid(logits)),
        (lambda f, t: (f[:, 0] - t).abs() ** 3, y, "loss", (logits - y).abs() ** 3),
    ]
    for loss, targets, of, values in cases:
        gradients = TorchGradients(one, loss)
        features = gradients.rows((X, targets), of=of)
        own = dict(one.named_parameters())
        for i in range(9):
            w, b = torch.autograd.grad(values[i], [own["weight"], own["bias"]], retain_graph=True)
            np.testing.assert_allclose(features.dense()[i], torch.cat([w[0], b]), atol=1e-10)
    cubic = TorchGradients(one, cases[-1][0])
    roots = np.concatenate([root.dense() for root in cubic.roots((X, y))])
    bent = 6 * (logits - y).abs().detach().numpy()
    whole = np.column_stack([X, np.ones(9)])
    np.testing.assert_allclose(roots.T @ roots, (whole * bent[:, None]).T @ whole, atol=1e-8)


def test_batches_threads_and_kinds_of_data_change_nothing():
    """Data, tensors, a data set and a loader of another batch size give the same gradients."""
    module, _ = network("dense")
    X, y = torch.randn(600, 12).double(), torch.arange(600) % CLASSES
    gradients = TorchGradients(module)
    by_tensors = gradients.rows((X, y)).dense()
    np.testing.assert_array_equal(by_tensors, gradients.rows(Data(X.numpy(), y.numpy())).dense())
    np.testing.assert_array_equal(by_tensors, gradients.rows(TensorDataset(X, y)).dense())
    loader = DataLoader(TensorDataset(X, y), batch_size=97)
    np.testing.assert_allclose(by_tensors, gradients.rows(loader).dense(), atol=1e-12)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    np.testing.assert_array_equal(by_tensors, gradients.rows((X, y)).dense())
    torch.set_num_threads(before)
    order = torch.randperm(600)
    np.testing.assert_allclose(gradients.rows((X[order], y[order])).dense(), by_tensors[order], atol=1e-12)


def test_the_network_is_copied_and_left_alone():
    """Training mode, gradients and weights of the given network stay; later training is not seen."""
    module, inputs = network("image")
    module.train()
    gradients = TorchGradients(module)
    first = gradients.rows((inputs, LABELS)).dense()
    assert module.training
    assert all(p.grad is None for p in module.parameters())
    with torch.no_grad():
        module[1].weight += 1
    np.testing.assert_array_equal(gradients.rows((inputs, LABELS)).dense(), first)
    assert gradients.fingerprint != TorchGradients(module).fingerprint


def test_frozen_layers_do_not_count():
    """Only parameters that are trained, of the layers asked for, have gradients."""
    module, inputs = network("dense")
    whole = TorchGradients(module).rows((inputs, LABELS))
    last = TorchGradients(module, layers=["5"])
    np.testing.assert_allclose(last.rows((inputs, LABELS)).dense(), whole.dense()[:, -24:], atol=1e-12)
    module[0].weight.requires_grad_(False)
    part = TorchGradients(module)
    assert part.widths == [7, 40, 24]  # the bias of the first layer is trained still
    np.testing.assert_allclose(part.rows((inputs, LABELS)).dense()[:, 7:], whole.dense()[:, 91:], atol=1e-12)
    module.requires_grad_(False)
    with pytest.raises(AssayError, match="all are frozen"):
        TorchGradients(module)
    with pytest.raises(AssayError, match=r"no layer '9'; there are 0, 1"):
        TorchGradients(network("dense")[0], layers=["9"])


def test_half_precision_is_computed_in_float32():
    """A bfloat16 network gives the gradients of its weights in float32."""
    module, inputs = network("dense")
    half = module.to(torch.bfloat16)
    found = TorchGradients(half).rows((inputs, LABELS)).dense()
    exact = TorchGradients(half.double()).rows((inputs, LABELS)).dense()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_checkpoints_are_other_weights():
    """Each checkpoint gives the gradients of its own weights, and its rate."""
    module, inputs = network("dense")
    other, _ = network("dense")
    with torch.no_grad():
        other[0].weight *= 2
    both = TorchGradients(
        module, checkpoints=[module.state_dict(), other.state_dict()], rates=np.array([0.1, 0.2])
    )
    found = [g.rows((inputs, LABELS)).dense() for g in both.checkpoints]
    for g, net in zip(found, (module, other), strict=True):
        np.testing.assert_array_equal(g, TorchGradients(net).rows((inputs, LABELS)).dense())
    assert both.rates.tolist() == [0.1, 0.2]
    with pytest.raises(AssayError, match="one rate"):
        TorchGradients(module, checkpoints=[module.state_dict()], rates=[0.1, 0.2])


def test_attacked_rows_cross_the_nearest_boundary():
    """In a linear network an attacked row is misread, .3 of the way beyond the nearest boundary."""
    torch.manual_seed(0)
    net = nn.Linear(3, CLASSES).double()
    X = torch.randn(50, 3).double()
    y = net(X).argmax(dim=1)
    moved, _ = TorchGradients(net).attacked((X, y))
    scores = net(moved)
    assert (scores.argmax(dim=1) != y).all()
    far = (moved - X).norm(dim=1).detach()
    right = net(X).gather(1, y[:, None])
    gaps = (right - net(X)) / (net.weight[y][:, None] - net.weight[None]).norm(dim=2).clamp(min=1e-12)
    gaps.scatter_(1, y[:, None], torch.inf)
    np.testing.assert_allclose(far, 1.3 * gaps.min(dim=1).values.detach(), rtol=1e-9)


def test_what_would_be_wrong_is_refused():
    """Averaged losses, losses that are nan, shuffled loaders, empty data, text labels: one sentence each."""
    module, inputs = network("dense")
    rows = (inputs, LABELS)
    with pytest.raises(AssayError, match=r"shape \(\) for 8 rows.*reduction='none'"):
        TorchGradients(module, functional.cross_entropy).rows(rows)
    spoilt = inputs.clone()
    spoilt[4] = torch.nan
    with pytest.raises(AssayError, match=r"1 row.*nan, the first at position 4"):
        TorchGradients(module).rows((spoilt, LABELS))
    with pytest.raises(AssayError, match="shuffle=False"):
        TorchGradients(module).rows(DataLoader(TensorDataset(*rows), shuffle=True))
    with pytest.raises(AssayError, match="no rows"):
        TorchGradients(module).rows(DataLoader(TensorDataset(inputs[:0], LABELS[:0])))
    with pytest.raises(AssayError, match="classes="):
        TorchGradients(module).rows(Data(inputs.numpy(), [f"c{k}" for k in LABELS]))
    with pytest.raises(AssayError, match="none of the network's classes"):
        TorchGradients(module, classes=["c0", "c1", "c2"]).rows(
            Data(inputs.numpy(), [f"c{k}" for k in LABELS])
        )
    with pytest.raises(AssayError, match="running averages"):
        TorchGradients(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)))
    with pytest.raises(AssayError, match="loss is 'hinge'"):
        TorchGradients(module, "hinge")
    with pytest.raises(AssayError, match=r"torch\.nn\.Module"):
        TorchGradients("net")
    with pytest.raises(AssayError, match="labels"):
        TorchGradients(module).rows(Data(inputs.numpy()))


def _fit_for(outputs, inputs=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, outputs))


class _Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 2)

    def forward(self, x):
        return self.inner(x), x


@pytest.mark.parametrize("method", [Influence, GShapley, ExactUnrolled, InRunShapley, RepresenterPoints])
@pytest.mark.parametrize(
    ("net", "labels", "words"),
    [
        (_fit_for(1), [0, 1], r"gives 1 output.* 2 classes"),
        (_fit_for(3), [0, 2], r"gives 3 output.* 2 classes"),  # else 2 would be read as the second output
        (_fit_for(3), ["a", "b"], r"gives 3 output.* 2 classes"),
        (_fit_for(2, 3), [0, 1], r"fails on rows of shape \(4,\) and float32"),
        (nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(8, 2)), [0, 1], "fails on rows"),
        (_Pair(), [0, 1], "gives a tuple"),
    ],
)
def test_networks_that_do_not_fit_the_problem_are_refused(method, net, labels, words):
    """Outputs that are not the classes, inputs of another shape or type, outputs that are no tensor."""
    X = np.random.default_rng(0).normal(size=(12, 4))
    data = Data(X, np.resize(labels, 12))
    with pytest.raises(AssayError, match=words):
        value(Problem(data, Data(X + 1, data.y), net), method())


def test_several_outputs_are_not_compared_with_one_number():
    """A network of two outputs and one number a row is refused; one of one output is not."""
    X = np.random.default_rng(0).normal(size=(12, 4))
    data = Data(X, X[:, 0])
    with pytest.raises(AssayError, match="gives 2 outputs a row, and a row has 1 number"):
        TorchGradients(_fit_for(2), "squared").losses(data)
    assert len(TorchGradients(_fit_for(1), "squared").losses(data)) == 12


def test_a_class_without_rows_keeps_its_output():
    """Labels that are codes 0, 1 and a network of three outputs: the third has no rows, in any method."""
    X = np.random.default_rng(0).normal(size=(12, 4))
    data, judges = Data(X, np.arange(12) % 2), Data(X + 1, np.arange(12) % 2)
    net = _fit_for(3)
    told = TorchGradients(net, classes=[0, 1, 2])
    for method in (Influence(), RepresenterPoints()):
        one = value(Problem(data, judges, net), method)
        two = value(Problem(data, judges, gradients=told), method)
        np.testing.assert_array_equal(one.values, two.values)


def test_functions_of_the_same_outputs_share_what_came_in():
    """The roots of the curvature of a row keep one copy of its inputs, not one an output."""
    module, inputs = network("dense")
    first, *others = TorchGradients(module).roots((inputs, LABELS))
    assert len(others) == CLASSES - 1
    assert all(root.layers[0].a is first.layers[0].a for root in others)
