"""Auto and names: what is picked for which problem, and that it says why."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.naive_bayes import GaussianNB
from truth import of_game, random_game, two_clouds

from assay import AssayError, Data, Problem, Stop, TorchGradients, value
from assay.methods import by_name, choose


def rows(n: int) -> Data:
    """Rows with two classes."""
    return Data(np.arange(n, dtype=float)[:, None], np.arange(n) % 2)


def numbers(n: int) -> Data:
    """Rows whose labels are numbers."""
    return Data(np.arange(n, dtype=float)[:, None], np.arange(n) / 7)


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (of_game(random_game(5, 0)), "Shapley"),
        (Problem(rows(50), rows(9), GaussianNB()), "Shapley"),
        (Problem(rows(500), rows(9), GaussianNB()), "Consensus"),
        (Problem(rows(500), rows(9)), "Consensus"),
        (Problem(rows(500)), "Consensus"),
        (Problem(rows(40), rows(9)), "KNNShapley"),
        (Problem(rows(40)), "DataOOB"),
        (Problem(rows(5_001), rows(9)), "KNNShapley"),
        (Problem(rows(5_001)), "DataOOB"),
        (Problem(numbers(500), numbers(9)), "KNNShapley"),
        (Problem(numbers(500)), "DataOOB"),
        (Problem(Data(rows(500).X, np.arange(500) % 51)), "DataOOB"),
        (Problem(Data(rows(500).X, rows(500).y, groups=np.zeros(500, int))), "DataOOB"),
        (Problem(Data(csr_array(rows(500).X), rows(500).y), rows(9)), "KNNShapley"),
        (Problem(rows(20_001)), "KNNShapley"),
    ],
)
def test_picks_by_what_there_is_and_how_much(problem, name):
    """The pick follows game, judges, model and size, and its sentence starts with the pick."""
    method, why = choose(problem)
    assert type(method).__name__ == name
    assert why.startswith(f"{name}: ")
    assert why.endswith(".")


def test_networks_are_valued_by_their_gradients():
    """A torch module or gradients are never refitted: Influence, or SelfInfluence without judges."""
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    net = torch.nn.Linear(2, 2)
    assert type(choose(Problem(rows(40), rows(9), net))[0]).__name__ == "Influence"
    assert type(choose(Problem(rows(40), model=net))[0]).__name__ == "SelfInfluence"
    assert type(choose(Problem(rows(40), rows(9), gradients=TorchGradients(net)))[0]).__name__ == "Influence"
    with pytest.raises(AssayError, match=r"Shapley refits its model, and Linear has no fit"):
        value(Problem(rows(40), rows(9), net), "Shapley")


def test_the_valuation_says_why():
    """`value(problem)` picks, and its answer holds the reason; a method that was named needs none."""
    problem = two_clouds(n=200)
    assert value(problem, stop=Stop(evals=1), progress=False).why.startswith("Consensus: labels are classes")
    assert value(problem, "KNNShapley", progress=False).why == ""


def test_needs_something_to_go_by():
    """Rows without labels or game are refused."""
    with pytest.raises(AssayError, match="labels or a game"):
        value(Problem(Data([[0.0], [1.0]])))


@pytest.mark.parametrize(
    ("name", "near"),
    [("knnshapley", "KNNShapley"), ("Shaply", "Shapley"), ("banzaf", "Banzhaf"), ("zzz", "there are")],
)
def test_an_unknown_name_gets_the_nearest(name, near):
    """A misspelt method is refused with names that exist."""
    with pytest.raises(AssayError, match=near):
        by_name(name)
