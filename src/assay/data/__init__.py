"""The bundled demo tables: real ones whose errors are known."""

from ._demo import Demo as Demo
from ._demo import census as census
from ._demo import census_true as census_true
from ._demo import heights as heights
