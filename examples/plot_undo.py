"""
Every edit can be undone
========================

A repair is written with its ledger, read as of any moment, proved, and taken back.
"""

# %%
# A table in a DuckDB file.
import pandas as pd

import assay
from assay.store import Edit

heights = pd.DataFrame({"id": [1, 2, 3], "inches": ["70", "165cm", "64"]})
store = assay.store.open("heights.duckdb")
store.adopt("heights", heights, key=["id"])

# %%
# One edit, in one transaction with its ledger entry.
run = store.begin_run("heights", ["id"], {"by": "hand"}, seed=0)
hashes = store.row_hashes("heights")
edit = Edit("2", "inches", "165cm", "65", "set", None, hashes["2"], "165 cm are 65 inches")
batch = store.apply(run.id, [edit], gate={}, round=1)
print(store.read("heights"))
assert store.read("heights")["inches"].tolist() == ["70", "65", "64"]
assert store.read("heights", raw=True)["inches"].tolist() == heights["inches"].tolist()

# %%
# The ledger proves itself, and undoing is one more entry.
print(store.verify(), "entries hold")
store.revert("heights", batch=batch.id)
assert store.read("heights")["inches"].tolist() == heights["inches"].tolist()
print(store.history("heights", "2")[["op", "old", "new", "why"]])
store.close()
