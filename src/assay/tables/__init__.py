"""From what people have (frames, files, a DuckDB table) to a `Problem`, and back by row key."""

from ._duplicates import twins as twins
from ._encode import Encoder as Encoder
from ._guess import guess_roles as guess_roles
from ._kinds import is_missing as is_missing
from ._load import load as load
from ._number import as_number as as_number
from ._problem import target_values as target_values
from ._problem import to_problem as to_problem
from ._roles import Roles as Roles
from ._split import PARTS as PARTS
from ._split import split as split
from ._table import Table as Table
