"""Tables larger than memory: rows valued as they stream by."""

from ._forecast import StreamForecast as StreamForecast
from .stream import Stream as Stream
from .stream import Streamed as Streamed
