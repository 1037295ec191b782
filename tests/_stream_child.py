"""What the tests of streaming kill and measure: a run in a process of its own."""

from __future__ import annotations

import resource
import sys
import threading
from pathlib import Path

import numpy as np

from assay import Data, KNNShapley, Stream
from assay.stream._saved import Saved


def main() -> None:
    """Value `rows.parquet` of a folder by `judges.npz`, and say how it goes."""
    folder, out = Path(sys.argv[1]), sys.argv[2]
    arrays = np.load(folder / "judges.npz")
    valid = Data(arrays["V"], arrays["t"])
    stream = Stream(folder / "rows.parquet", valid, target="y")
    if sys.argv[3:] == ["measure"]:
        Stream(folder / "few.parquet", valid, target="y").value(folder / out, n_jobs=2)  # loads and compiles
        before = _now()
        stream.value(folder / out, n_jobs=2)
        print(_peak() - before)
        return
    add, begin, groups = Saved.add, Saved.__init__, []

    def begun(self, *args):
        begin(self, *args)
        print("left", len(valid) - self.done, flush=True)

    def added(self, done, part):
        add(self, done, part)
        print("done", done, flush=True)
        groups.append(done)
        if len(groups) == 2:
            threading.Event().wait()  # to be killed here, and not a group later

    Saved.__init__, Saved.add = begun, added
    stream.value(folder / out, KNNShapley(k=3), n_jobs=2)


def _now() -> int:
    """Bytes that this process has, after which its peak counts from here."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    main()
