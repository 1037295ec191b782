"""Where tables, values, repairs and worths live, and the ledger that proves what was done."""

from ._cell import from_json as from_json
from ._cell import to_json as to_json
from ._edits import Batch as Batch
from ._edits import Edit as Edit
from .proposals import Proposal as Proposal
from .runs import Run as Run
from .store import Store as Store
from .store import open as open
