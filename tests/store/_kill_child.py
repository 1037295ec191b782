"""What the kill test kills: repairs, worths and reverts without end, in both modes."""

from __future__ import annotations

import os
import random
import sys

import numpy as np

from assay import store
from assay.store import Edit, Proposal

BATCH = 4


def work(path: str, seed: int) -> None:
    """Work on the tables `overlay` and `in_place`, each in the mode of its name; say so after each step."""
    chance = random.Random(seed)
    with store.open(path) as held:
        runs = {
            mode: held.find_run(mode, {"mode": mode}) or held.begin_run(mode, ["id"], {"mode": mode}, 0)
            for mode in ("overlay", "in_place")
        }
        while True:
            for mode, run in runs.items():
                act(held, mode, run.id, chance)
                print("done", flush=True)
            keys = [chance.randbytes(32) for _ in range(200)]
            held.remember(keys, np.array([[key[0], key[1]] for key in keys], float))


def act(held: store.Store, mode: str, run: int, chance: random.Random) -> None:
    """One batch of four edits with their proposals, or the revert of everything."""
    batches = held.batches(mode)
    if len(batches) and batches["kind"].iloc[-1] == "apply" and chance.random() < 0.4:
        held.revert(mode, batch=int(batches["id"].iloc[-1]))
        return
    frame, hashes = held.read(mode), held.row_hashes(mode)
    rows = frame.sample(min(BATCH, len(frame)), random_state=chance.randrange(2**31))
    made = [(str(row["id"]), row["n"]) for row in rows.to_dict("records")]
    numbers = held.save_proposals(
        run, 1, [Proposal(key, "n", "k", n, n + 1, "e", 0.5, 0.5) for key, n in made]
    )
    edits = [
        Edit(key, "n", n, n + 1, proposal=number, row_hash=hashes[key])
        for (key, n), number in zip(made, numbers, strict=True)
    ]
    if chance.random() < 0.3:
        key = made[0][0]
        edits[0] = Edit(key, None, None, None, "drop", proposal=numbers[0], row_hash=hashes[key])
    number = len(held.rounds(run)) + 1
    held.apply(run, edits, mode=mode, gate={}, round=number, state={"round": number})


def main(path: str) -> None:
    """For every seed on a line of stdin, start a worker, print its number, and say when it is dead."""
    for line in sys.stdin:
        # A fork has imported everything already: twenty interpreters would take longer than the test.
        worker = os.fork()
        if worker == 0:
            work(path, int(line))
        print(worker, flush=True)
        os.waitpid(worker, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
