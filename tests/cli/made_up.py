"""A made-up table that a model can learn, with wrong labels that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd


def people_true(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Return the table without wrong labels."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, n).round(1)
    town = rng.choice(["north", "south"], n)
    rich = (age + 8 * (town == "north") + rng.normal(0, 3, n)) > 44
    return pd.DataFrame(
        {"id": np.arange(1000, 1000 + n), "age": age, "town": town, "rich": np.where(rich, "yes", "no")}
    )


def people(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Return the table with a tenth of the labels wrong."""
    frame = people_true(n, seed)
    wrong = np.random.default_rng([seed, 1]).random(n) < 0.1
    turned = frame["rich"].map({"yes": "no", "no": "yes"})
    return frame.assign(rich=frame["rich"].where(~wrong, turned))
