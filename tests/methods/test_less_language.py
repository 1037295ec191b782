"""A language model with adapters: gradients row by row, LESS, in-run values and others beside autograd."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from tiny_llama import LENGTH, Answers, by_row, flat, given, llama, rows, torch, trained

from assay import (
    LESS,
    AssayError,
    Data,
    DataInf,
    GradCos,
    InRun,
    InRunShapley,
    Problem,
    TorchGradients,
    TracIn,
    value,
)
from assay.methods.influence._start import start_of
from assay.metrics import Training

N, M = 10, 4
CLOSE = 2e-6  # of the largest number: a Llama's norms and angles are computed in float32, whatever the model
ZEROS = torch.zeros(N)


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are too small to be shared by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


TRAIN = Data(rows(N), np.zeros(N, int))
VALID = Data(rows(M, 1), np.zeros(M, int), groups=["x", "y", "x", "y"])
X, V = torch.tensor(TRAIN.X), torch.tensor(VALID.X)


def assert_close(found, truth):
    """To what float32 leaves."""
    np.testing.assert_allclose(found, truth, rtol=0, atol=CLOSE * np.abs(truth).max())


@pytest.fixture(scope="module")
def run():
    """The adapters and Adam's states after each of two epochs of fine-tuning, adapters with dropout."""
    module = llama(dropout=0.1)
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=1e-2)
    states, moments = [], []
    for _ in range(2):
        module.train()
        for at in range(0, N, 5):
            optimizer.zero_grad()
            module(X[at : at + 5]).mean().backward()
            optimizer.step()
        states.append(trained(module))
        moments.append(deepcopy(optimizer.state_dict()))
    return module, states, moments


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ("o_proj", "gate_proj", "down_proj")])
def test_gradients_of_adapters_are_autograds_row_by_row(targets):
    """Recorded gradients of rows padded on either side are those of each row alone."""
    module = llama(targets=targets)
    gradients = TorchGradients(module, given, batch=4)
    found = gradients.rows(TRAIN)
    assert all("lora_" in name for name in gradients.names)
    truth = flat(by_row(module, TRAIN.X))
    assert found.width == truth.shape[1]
    assert_close(found.dense(), truth)


def test_padding_is_nothing():
    """A row's gradient is the same with padding on the left, on the right, and none."""
    module, tokens, labels = llama(), np.array([5, 9, 3, 14]), np.array([-100, -100, 3, 14])
    X = np.zeros((3, 2, LENGTH))
    X[:, 1] = -100
    X[0, :, :4] = X[1, :, LENGTH - 4 :] = tokens, labels
    X[2, :, 3:7] = tokens, labels
    g = TorchGradients(module, given).rows((torch.tensor(X.reshape(3, -1)), ZEROS[:3])).dense()
    bare = torch.tensor(np.concatenate([tokens, labels])[None])
    truth = TorchGradients(module, given).rows((bare, ZEROS[:1])).dense()
    assert_close(g, np.repeat(truth, 3, axis=0))


@pytest.mark.parametrize("reduce", ["cos_then_mean", "mean_then_cos"])
def test_less_is_the_loop(run, reduce):
    """LESS on checkpoints of the adapters alone is the published formula, by autograd row by row."""
    module, states, moments = run
    rates, truth, twin = [3e-3, 1e-3], np.zeros((N, 2)), deepcopy(module)
    for state, moment, rate in zip(states, moments, rates, strict=True):
        twin.load_state_dict(state, strict=False)
        g, q = by_row(twin, TRAIN.X), torch.tensor(flat(by_row(twin, VALID.X)))
        steps = []
        for slopes, kept in zip(g.values(), moment["state"].values(), strict=True):
            m, v = 0.9 * kept["exp_avg"] + 0.1 * slopes, 0.999 * kept["exp_avg_sq"] + 0.001 * slopes**2
            steps.append((m / (v + 1e-8).sqrt()).flatten(1))
        steps = torch.nn.functional.normalize(torch.cat(steps, dim=1))
        for k in range(2):
            some = q[k::2] if reduce == "cos_then_mean" else q[k::2].mean(dim=0, keepdim=True)
            cosines = steps @ torch.nn.functional.normalize(some).T
            truth[:, k] += rate / sum(rates) * cosines.mean(dim=1).numpy()
    gradients = TorchGradients(module, given, checkpoints=states, rates=rates, moments=moments, batch=4)
    p = Problem(TRAIN, VALID, gradients=gradients)
    names, scores = LESS(reduce=reduce, project=None).group_scores(p)
    assert names.tolist() == ["x", "y"]
    assert_close(scores, truth)
    found = value(p, LESS(reduce=reduce, project=None)).values
    assert_close(found, truth.max(axis=1))


def test_states_by_order_and_by_name_are_the_same(run):
    """The state_dict of the optimizer of the adapters, and the same under their names, give the same bits."""
    module, states, moments = run
    named = [dict(zip(trained(module), moment["state"].values(), strict=True)) for moment in moments]
    found = [
        value(
            Problem(TRAIN, VALID, gradients=TorchGradients(module, given, checkpoints=states, moments=form)),
            LESS(),
        ).values
        for form in (moments, named)
    ]
    np.testing.assert_array_equal(*found)


def test_checkpoints_of_adapters_share_the_model(run):
    """A checkpoint copies the adapters, and none of the model's own tensors."""
    module, states, _ = run
    source = TorchGradients(module, given, checkpoints=states)
    for now in list(source.checkpoints)[:1]:  # the last is the module itself
        for (name, p), q in zip(now.module.named_parameters(), source.module.parameters(), strict=True):
            assert (p is q) == ("lora_" not in name)


def test_others_are_their_formulas_on_the_gradients_of_adapters(run):
    """TracIn, GradCos and DataInf on adapters are their formulas on gradients by autograd."""
    module, states, _ = run
    module = deepcopy(module)
    gradients = TorchGradients(module, given, checkpoints=states, rates=[0.2, 0.1])
    truth = np.zeros((N, M))
    for state, rate in zip(states, (0.2, 0.1), strict=True):
        module.load_state_dict(state, strict=False)
        truth += rate * flat(by_row(module, TRAIN.X)) @ flat(by_row(module, VALID.X)).T
    tracin = value(Problem(TRAIN, VALID, gradients=gradients), TracIn())
    assert_close(tracin.per_valid, truth)
    p = Problem(TRAIN, VALID, gradients=TorchGradients(module, given))
    g, q = by_row(module, TRAIN.X), by_row(module, VALID.X)
    mine, its = flat(g), flat(q)
    lengths = np.outer(np.linalg.norm(mine, axis=1), np.linalg.norm(its, axis=1))
    assert_close(value(p, GradCos()).per_valid, mine @ its.T / lengths)
    scores = np.zeros((N, M))
    for name in g:  # layer by layer: the mean over rows k of (d + g_k g_k')^-1
        a, b = g[name].flatten(1).numpy(), q[name].flatten(1).numpy()
        squares = (a**2).sum(axis=1)
        d = 0.1 * squares.mean() / a.shape[1]
        cross = a @ a.T
        for k in range(N):
            scores += (a @ b.T - np.outer(cross[:, k], a[k] @ b.T) / (d + squares[k])) / d / N
    found = value(p, DataInf()).per_valid
    assert np.corrcoef(found.ravel(), scores.ravel())[0, 1] > 1 - 1e-9


def one(module, x):
    """The flat gradient of one row."""
    return flat(by_row(module, x[None]))[0]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_in_run_values_of_steps_on_adapters(kind):
    """To first order a value is the sum over steps of rate g_i' g_q / b by autograd, along the path taken."""
    module, twin = llama(), llama()
    optimizers = [kind([p for p in m.parameters() if p.requires_grad], lr=0.05) for m in (module, twin)]
    batches, truth = [[0, 1, 2], [7, 4], [2, 9, 5, 1]], np.zeros((N, M))
    frozen = {name: p.detach().clone() for name, p in module.named_parameters() if not p.requires_grad}
    with InRun(module, given, n=N, valid=(V, ZEROS[:M]), order=1) as run:
        for places in batches:
            judges = np.array([one(twin, q) for q in VALID.X])
            for i in places:
                truth[i] += 0.05 / len(places) * judges @ one(twin, TRAIN.X[i])
            optimizers[1].zero_grad()
            twin(X[places]).mean().backward()
            optimizers[1].step()
            run.step(X[places], ZEROS[: len(places)], places, optimizers[0])
    assert_close(run.valuation().per_valid, truth)
    for (name, p), q in zip(module.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-6)
        if name in frozen:
            assert p.grad is None
            assert torch.equal(p, frozen[name])


def test_in_run_with_the_dropout_of_adapters():
    """In training mode, with dropout, values of a batch are those of the gradients that were stepped on."""
    module = llama(dropout=0.5).train()
    before = trained(module)
    judge = torch.tensor(VALID.X[:1])
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
    with InRun(module, given, n=N, valid=(judge, ZEROS[:1]), order=1) as run:
        torch.manual_seed(3)
        run.step(X, ZEROS, range(N), optimizer)
    assert module.training
    moved = torch.cat([(before[name] - p).ravel() for name, p in trained(module).items()]).numpy()
    twin = llama(dropout=0.5).train()
    torch.manual_seed(3)
    losses = twin(torch.cat([X, judge]))
    named = [p for p in twin.parameters() if p.requires_grad]
    slope = torch.autograd.grad(losses[:N].mean(), named, retain_graph=True)
    assert_close(moved, 0.1 * torch.cat([g.ravel() for g in slope]).numpy())
    its = torch.cat([g.ravel() for g in torch.autograd.grad(losses[N], named)]).numpy()
    assert_close(run.valuation().values.sum(), moved @ its)


class Named(torch.nn.Module):
    """The same network, whose inputs have names."""

    def __init__(self, inner) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input_ids, labels):
        """The mean loss of answers."""
        return self.inner(torch.cat([input_ids, labels], dim=1))


def test_in_run_takes_inputs_by_name():
    """Inputs as a dict, as tokenizers give them, have the values of one tensor."""
    found = []
    for by_name in (False, True):
        module = llama()
        optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1)
        pairs = [X.long(), V.long()]
        if by_name:
            module = Named(module)
            pairs = [dict(zip(("input_ids", "labels"), part.chunk(2, dim=1), strict=True)) for part in pairs]
        with InRun(module, given, n=N, valid=(pairs[1], ZEROS[:M])) as run:
            run.step(pairs[0], ZEROS, range(N), optimizer)
        found.append(run.valuation().values)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


def test_in_run_refuses_what_it_cannot_tell_apart():
    """A norm of a kind that is not known, and tied embeddings, can be stepped only if they are frozen."""
    for name in ("input_layernorm.weight", "embed_tokens.weight"):
        module = llama()
        next(p for key, p in module.named_parameters() if name in key).requires_grad_(True)
        with pytest.raises(AssayError, match=f"cannot tell the rows' parts in .*{name}.*freeze them"):
            InRun(module, given, n=N, valid=(V, ZEROS[:M]))


def test_a_training_of_the_method_starts_from_adapters_that_do_nothing():
    """First weights of adapters are as peft makes them: the model is that without them; the rest is kept."""
    module = llama()
    p = Problem(TRAIN, VALID, gradients=TorchGradients(module, given))
    fresh = start_of(p, "x").fresh(np.random.default_rng(0))
    with module.model.disable_adapter():
        bare = Answers(module.model)(X).detach()
    torch.testing.assert_close(fresh.eval()(X).detach(), bare)
    assert not any(p.any() for name, p in fresh.named_parameters() if "lora_B" in name)
    ups = {name: p for name, p in fresh.named_parameters() if "lora_A" in name}
    assert all(p.any() and not torch.equal(p, module.get_parameter(name)) for name, p in ups.items())


def test_in_run_shapley_of_adapters():
    """The method's own training of adapters has values that sum, to third order, to the decrease."""
    module = llama(double=True)
    p = Problem(TRAIN, VALID, gradients=TorchGradients(module, given))
    errors = []
    for rate in (0.1, 0.05):
        how = Training(epochs=2, batch=10, rate=rate, momentum=0.0)
        fresh = start_of(p, "x").fresh(np.random.default_rng(0)).eval()
        before = float(fresh(V).mean().detach())
        optimizer = torch.optim.SGD([p for p in fresh.parameters() if p.requires_grad], lr=rate)
        for _ in range(2):
            optimizer.zero_grad()
            fresh(X).mean().backward()
            optimizer.step()
        decrease = before - float(fresh(V).mean().detach())
        errors.append(abs(decrease - value(p, InRunShapley(training=how)).values.sum()))
    assert abs(np.log2(errors[0] / errors[1]) - 3) < 0.3
