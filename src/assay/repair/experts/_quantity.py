"""Reading: every quantity that a person could read in a text: `5' 4"`, `165cm`, `five foot eight`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from ._units import BY_WORD, PAIRS, Unit
from ._words import SMALL, take_number


@dataclass(frozen=True)
class Reading:
    """One way to read a text as a quantity.

    Parameters
    ----------
    amount : float
        In `unit`, or without a unit.
    unit : Unit or None
        None for a bare number, whose unit the text leaves open.
    how : str
        For people: the unit, the pair of units, or "number".
    trust : float
        How literally the text says this, 0..1: 1 for a number and its unit, less for guesses.
    marked : bool
        Whether the text itself names the unit.
    digits : str
        A bare number as typed, with a decimal point: notations such as 5.11 for 5 ft 11 hide in it.
    """

    amount: float
    unit: Unit | None
    how: str
    trust: float
    marked: bool = False
    digits: str = ""


@dataclass(frozen=True)
class _Number:
    value: float
    digits: str
    trust: float


@dataclass(frozen=True)
class _Term:
    numbers: tuple[_Number, ...]  # the ways to read the digits
    units: tuple[Unit, ...]  # the units that the word after (or the mark before) them may mean
    joint: str  # what stands between this term and the one before
    times: float = 1.0


_TOKEN = re.compile(
    r"\s*(?:(?P<fraction>\d+/\d+(?![\d/]))"
    r"|(?P<number>\d+(?:[.,]\d+)*|[.,]\d+)"
    r"|(?P<word>°?[a-z]+\.?|['\"%$€£¥°])"
    r"|(?P<sign>[-+~<>≈≥≤*\u00d7:/,;?()]))\s*"
)
# Curly quotes, primes and accents that people type for feet and inches; the minus sign.
_MARKS = str.maketrans("\u2019\u2018\u2032`\u00b4\u201d\u201c\u2033\u2212", "'''''\"\"\"-")
_SPELLINGS = (("''", '"'), ("½", " 1/2"), ("¼", " 1/4"), ("¾", " 3/4"))
_TWO_WORDS = (
    (r"\bfl(?:uid|\.)? ?(?:oz|ounces?)\b", "floz"),
    (r"\bper cent\b", "percent"),
    (r"º", "°"),
    (r"\bus ?\$", "$"),
)
_TIMES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
_HEDGES = {"~": 0.7, "≈": 0.7, "about": 0.7, "approx": 0.7, "approximately": 0.7, "around": 0.7, "circa": 0.7}
_BOUNDS = {">": 0.3, "<": 0.3, "≥": 0.3, "≤": 0.3, "over": 0.3, "under": 0.3, "+": 0.9}
_PREFIXES = {**_HEDGES, **_BOUNDS, "almost": 0.5, "nearly": 0.5}
_LONGEST = 60  # characters: a longer text is prose, not a quantity


def read(text: str) -> list[Reading]:
    """Every way to read `text` as a quantity, most literal first; none where a person would find no quantity.

    Examples
    --------
    >>> [(reading.amount, reading.how) for reading in read("Five foot eight inches")]
    [(68.0, 'ft and in')]
    >>> read("yyy")
    []
    """
    tokens = _tokens(text)
    if not tokens:
        return []
    trust, sign, tokens = _prefix(tokens)
    terms, rest = _terms(tokens)
    if not terms or len(terms) > 3:
        return []
    if rest:  # words after the quantity, such as the `Alumi-Tek` of `12.0 oz. Alumi-Tek`
        trust *= 0.6 if terms[-1].units else 0.3
    found: dict[tuple[float, str], Reading] = {}
    for reading in _readings(terms):
        scaled = Reading(
            sign * reading.amount,
            reading.unit,
            reading.how,
            trust * reading.trust,
            reading.marked,
            ("-" if sign < 0 else "") + reading.digits if reading.digits else "",
        )
        key = (scaled.amount, "" if scaled.unit is None else scaled.unit.dimension + scaled.unit.name)
        if key not in found or found[key].trust < scaled.trust:
            found[key] = scaled
    return sorted(found.values(), key=lambda reading: -reading.trust)


def _tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) pairs; empty where the text has a character that no quantity has."""
    clean = text.translate(_MARKS).lower().strip()
    if not clean or len(clean) > _LONGEST:
        return []
    for old, new in _SPELLINGS:
        clean = clean.replace(old, new)
    for pattern, word in _TWO_WORDS:
        clean = re.sub(pattern, word, clean)
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(clean):
        match = _TOKEN.match(clean, place)
        if match is None:
            return []
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind).rstrip(".") if kind == "word" else match.group(kind)))
        place = match.end()
    return _spelt_out(found)


def _spelt_out(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The tokens with number words turned into digits."""
    found: list[tuple[str, str]] = []
    place = 0
    while place < len(tokens):
        # `twenty-one` is two words and a hyphen.
        words = [text for kind, text in tokens[place:] if text != "-"] if tokens[place][1] in SMALL else []
        value, used = take_number(words)
        if not used:
            found.append(tokens[place])
            place += 1
            continue
        found.append(("number", str(value)))
        while used:
            used -= tokens[place][1] != "-"
            place += 1
    return found


def _prefix(tokens: list[tuple[str, str]]) -> tuple[float, float, list[tuple[str, str]]]:
    """Trust and sign from what stands before the quantity, and the tokens after it."""
    trust, sign, place = 1.0, 1.0, 0
    while place < len(tokens) and (tokens[place][1] in _PREFIXES or tokens[place][1] == "-"):
        if tokens[place][1] == "-":
            sign = -sign
        else:
            trust *= _PREFIXES[tokens[place][1]]
        place += 1
    return trust, sign, tokens[place:]


def _terms(tokens: Sequence[tuple[str, str]]) -> tuple[list[_Term], Sequence[tuple[str, str]]]:
    """Numbers with their units, and the tokens from the first that fits none."""
    terms: list[_Term] = []
    place = 0
    while place < len(tokens):
        start, joint = place, ""
        if terms and (tokens[place][0] == "sign" or tokens[place][1] in ("and", "x")):
            joint, place = tokens[place][1], place + 1
        units: tuple[Unit, ...] = ()
        if place < len(tokens) and tokens[place][1] in "$€£¥":
            units, place = BY_WORD[tokens[place][1]], place + 1
        numbers, place = _number(tokens, place)
        if not numbers:
            return terms, tokens[start:]
        times, place = _multiplier(tokens, place, bool(units))
        if not units and place < len(tokens) and tokens[place][1] in BY_WORD:
            units, place = BY_WORD[tokens[place][1]], place + 1
            if tokens[place - 1][1] == "°" and place < len(tokens) and "°" + tokens[place][1] in BY_WORD:
                units, place = BY_WORD["°" + tokens[place][1]], place + 1
        terms.append(_Term(numbers, units, joint, times))
    return terms, ()


def _multiplier(tokens: Sequence[tuple[str, str]], place: int, money: bool) -> tuple[float, int]:
    """The factor that `k`, `thousand` or `million` stands for, and the place after it."""
    word = tokens[place][1] if place < len(tokens) else ""
    # A bare `m` is metres or minutes unless a currency went before; `k` alone is read as thousand.
    if word in _TIMES and (money or word not in BY_WORD or word == "k"):
        return _TIMES[word], place + 1
    return 1.0, place


def _number(tokens: Sequence[tuple[str, str]], place: int) -> tuple[tuple[_Number, ...], int]:
    """The ways to read the digits at `place`, a fraction after them included, and the place after them."""
    if place >= len(tokens):
        return (), place
    kind, text = tokens[place]
    if kind == "fraction":
        part = _fraction(text)
        return ((_Number(part, "", 0.8),) if part is not None else ()), place + 1
    if kind != "number":
        return (), place
    numbers, place = tuple(_numbers(text)), place + 1
    after = tokens[place] if place < len(tokens) else ("", "")
    if after[0] == "fraction" and text.isdigit():
        part = _fraction(after[1])
        if part is not None and part < 1:
            return (_Number(float(text) + part, "", 1.0),), place + 1
    if after[0] == "number" and after[1].startswith(".") and text.isdigit():  # `5 .11`
        return (_Number(float(text + after[1]), text + after[1], 0.8),), place + 1
    return numbers, place


def _fraction(text: str) -> float | None:
    top, bottom = text.split("/")
    return int(top) / int(bottom) if int(bottom) else None


def _numbers(text: str) -> Iterator[_Number]:
    """Readings of digits with points and commas, which part decimals or thousands."""
    if text.startswith(","):
        return
    if "," not in text and text.count(".") <= 1:
        yield _Number(float(text), text, 1.0)
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", text):
        plain = text.replace(",", "")
        yield _Number(float(plain), plain, 0.95)
    if re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?", text):
        plain = text.replace(".", "").replace(",", ".")
        yield _Number(float(plain), plain, 0.9 if "," in text or text.count(".") > 1 else 0.3)
    if re.fullmatch(r"\d+,\d+", text):
        plain = text.replace(",", ".")
        yield _Number(float(plain), plain, 0.4 if re.search(r",\d{3}$", text) else 0.9)


def _readings(terms: Sequence[_Term]) -> Iterator[Reading]:
    if len(terms) == 1:
        yield from _single(terms[0])
    elif all(term.units and term.joint in ("", "and", ",", "-") for term in terms):
        yield from _compound(terms)
    elif len(terms) == 2:
        yield from _two(terms[0], terms[1])


def _single(term: _Term) -> Iterator[Reading]:
    for number in term.numbers:
        amount = number.value * term.times
        for unit in term.units:
            yield Reading(amount, unit, unit.name, number.trust, marked=True)
        if not term.units:
            digits = number.digits if term.times == 1 else ""
            yield Reading(amount, None, "number", number.trust, digits=digits)


def _compound(terms: Sequence[_Term]) -> Iterator[Reading]:
    """Amounts that each name their unit, falling in size: `5 ft 4 in`, `1 h 2 min 3 s`."""
    for units in product(*(term.units for term in terms)):
        falling = all(a.scale > b.scale for a, b in pairwise(units))
        if not falling or len({unit.dimension for unit in units}) > 1 or units[0].offset:
            continue
        for numbers in product(*(term.numbers for term in terms)):
            fits = [
                _fit(number.value, round(before.scale / unit.scale))
                for number, before, unit in zip(numbers[1:], units, units[1:], strict=False)
            ]
            if all(fits):
                amount = sum(
                    n.value * unit.to(1.0, units[-1]) for n, unit in zip(numbers, units, strict=True)
                )
                how = " and ".join(unit.name for unit in units)
                yield Reading(float(f"{amount:.12g}"), units[-1], how, min(fits), marked=True)


def _two(first: _Term, second: _Term) -> Iterator[Reading]:
    """Two numbers of which at least one names no unit: `5'4`, `1h30`, `5 11`, `6*12`."""
    a, b = first.numbers[0], second.numbers[0]
    if first.times != 1 or second.times != 1:
        return
    if second.joint in ("*", "x", "\u00d7"):
        if not first.units and not second.units:
            yield Reading(a.value * b.value, None, "product", 0.7)
        return
    if a.value != int(a.value):
        return
    for pair in PAIRS:
        if (first.units and pair.major not in first.units) or (
            second.units and pair.minor not in second.units
        ):
            continue
        marked = bool(first.units or second.units)
        trust = _fit(b.value, pair.base) * (0.95 if marked else 0.8)
        if trust:
            yield Reading(pair.amount(a.value, b.value), pair.minor, pair.name, trust, marked)


def _fit(minor: float, base: int) -> float:
    """Trust in a minor amount: none above the base; 5 ft 12 in is odd, yet has one meaning."""
    return 1.0 if minor < base else 0.6 if minor == base else 0.0
