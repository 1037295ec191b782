"""Units of measurement: which words and marks name them, and how amounts move between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Unit:
    """One unit of one dimension: `amount * scale + offset` is the amount in the dimension's base unit.

    Parameters
    ----------
    name : str
        The short name shown to people.
    dimension : str
        Units convert into each other within a dimension only.
    scale, offset : float
        To the base unit: metre, kilogram, litre, second, kelvin, share, or the currency itself.
    words : tuple of str
        Lower-case spellings and marks that name the unit in a text.
    rare : bool
        Whether few people would leave it unsaid that a number is in this unit.
    """

    name: str
    dimension: str
    scale: float
    words: tuple[str, ...]
    offset: float = 0.0
    rare: bool = False

    @property
    def plural(self) -> str:
        """How people speak of many: `inches`."""
        return self.words[-1] if self.words else f"{self.name}s"

    def to(self, amount: float, unit: Unit) -> float:
        """`amount` of this unit, in `unit` of the same dimension.

        >>> round(unit_named("cm").to(165, unit_named("in")), 2)
        64.96
        """
        return (amount * self.scale + self.offset - unit.offset) / unit.scale


@dataclass(frozen=True)
class Pair:
    """A major and a minor unit that people write together, such as 5 ft 4 in or 1 h 30 min."""

    major: Unit
    minor: Unit
    base: int

    @property
    def name(self) -> str:
        """Such as `ft and in`."""
        return f"{self.major.name} and {self.minor.name}"

    def amount(self, major: float, minor: float) -> float:
        """The two together, in the minor unit."""
        return major * self.base + minor


def _length() -> tuple[Unit, ...]:
    return (
        Unit("in", "length", 0.0254, ('"', "in", "ins", "inchs", "inch", "inches")),
        Unit("ft", "length", 0.3048, ("'", "ft", "foots", "feets", "foot", "feet")),
        Unit("yd", "length", 0.9144, ("yd", "yds", "yard", "yards"), rare=True),
        Unit("mi", "length", 1609.344, ("mi", "mile", "miles"), rare=True),
        Unit("mm", "length", 0.001, ("mm", "millimetre", "millimetres", "millimeter", "millimeters")),
        Unit("cm", "length", 0.01, ("cm", "cms", "centimetre", "centimetres", "centimeter", "centimeters")),
        Unit("m", "length", 1.0, ("m", "mt", "mtr", "metre", "metres", "meter", "meters")),
        Unit("km", "length", 1000.0, ("km", "kms", "kilometre", "kilometres", "kilometer", "kilometers")),
    )


def _mass() -> tuple[Unit, ...]:
    return (
        Unit("mg", "mass", 1e-6, ("mg", "milligram", "milligrams"), rare=True),
        Unit("g", "mass", 0.001, ("g", "gr", "gm", "gram", "grams", "gramme", "grammes")),
        Unit("kg", "mass", 1.0, ("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms")),
        Unit("t", "mass", 1000.0, ("t", "tonne", "tonnes"), rare=True),
        Unit("oz", "mass", 0.028349523125, ("oz", "ounce", "ounces")),
        Unit("lb", "mass", 0.45359237, ("lb", "lbs", "pound", "pounds")),
        Unit("st", "mass", 6.35029318, ("st", "stone", "stones"), rare=True),
    )


def _volume() -> tuple[Unit, ...]:
    return (
        Unit("ml", "volume", 0.001, ("cc", "ml", "millilitre", "millilitres", "milliliter", "milliliters")),
        Unit(
            "cl", "volume", 0.01, ("cl", "centilitre", "centilitres", "centiliter", "centiliters"), rare=True
        ),
        Unit("l", "volume", 1.0, ("l", "ltr", "litre", "litres", "liter", "liters")),
        Unit(
            "fl oz",
            "volume",
            0.0295735295625,
            ("floz", "oz", "ounce", "ounces", "fluid ounces"),
        ),
        Unit("pt", "volume", 0.473176473, ("pt", "pint", "pints"), rare=True),
        Unit("qt", "volume", 0.946352946, ("qt", "quart", "quarts"), rare=True),
        Unit("gal", "volume", 3.785411784, ("gal", "gallon", "gallons")),
    )


def _others() -> tuple[Unit, ...]:
    return (
        Unit("ms", "time", 0.001, ("ms", "msec", "millisecond", "milliseconds"), rare=True),
        Unit("s", "time", 1.0, ('"', "s", "sec", "secs", "second", "seconds")),
        Unit("min", "time", 60.0, ("'", "m", "min", "mins", "minute", "minutes")),
        Unit("h", "time", 3600.0, ("h", "hr", "hrs", "hour", "hours")),
        Unit("d", "time", 86400.0, ("d", "day", "days")),
        Unit("week", "time", 604800.0, ("wk", "wks", "week", "weeks"), rare=True),
        Unit("°C", "temperature", 1.0, ("°", "°c", "c", "centigrade", "celsius"), 273.15),
        Unit("°F", "temperature", 5 / 9, ("°", "°f", "f", "fahrenheit"), 459.67 * 5 / 9),
        Unit("K", "temperature", 1.0, ("k", "kelvin"), rare=True),
        Unit("%", "share", 0.01, ("%", "pct", "percent")),
        Unit("share", "share", 1.0, ()),
        Unit("$", "dollars", 1.0, ("$", "usd", "dollar", "dollars")),
        Unit("€", "euros", 1.0, ("€", "eur", "euro", "euros")),
        Unit("£", "pounds sterling", 1.0, ("£", "gbp", "sterling")),
        Unit("¥", "yen", 1.0, ("¥", "jpy", "yen")),
    )


UNITS: tuple[Unit, ...] = (*_length(), *_mass(), *_volume(), *_others())


def unit_named(name: str) -> Unit:
    """The unit of that short name."""
    return next(unit for unit in UNITS if unit.name == name)


PAIRS: tuple[Pair, ...] = (
    Pair(unit_named("ft"), unit_named("in"), 12),
    Pair(unit_named("st"), unit_named("lb"), 14),
    Pair(unit_named("lb"), unit_named("oz"), 16),
    Pair(unit_named("h"), unit_named("min"), 60),
    Pair(unit_named("min"), unit_named("s"), 60),
)


def _by_word() -> Mapping[str, tuple[Unit, ...]]:
    found: dict[str, tuple[Unit, ...]] = {}
    for unit in UNITS:
        for word in unit.words:
            found[word] = (*found.get(word, ()), unit)
    return MappingProxyType(found)


BY_WORD: Mapping[str, tuple[Unit, ...]] = _by_word()
"""Every unit that a word may mean; `oz` is a mass and a volume."""

# What a word in a column's name says about its dimension.
_TOPICS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("height", "length", "width", "depth", "distance", "stature"), "length"),
        **dict.fromkeys(("weight", "mass"), "mass"),
        **dict.fromkeys(("volume", "capacity"), "volume"),
        **dict.fromkeys(("duration", "time", "elapsed"), "time"),
        **dict.fromkeys(("temp", "temperature"), "temperature"),
    }
)


def units_in_name(column: str) -> tuple[Unit, ...]:
    """Units that the words of a column's name may mean: `height_cm` says centimetres, `weight` any mass."""
    words = re.findall(r"[a-z]+|[%$€£¥°]", column.lower())
    # The first letters of a name's words are too common to be units (`c`, `m`, `t`).
    named = tuple(
        unit for word in words if len(word) > 1 or not word.isalpha() for unit in BY_WORD.get(word, ())
    )
    topics = {_TOPICS[word] for word in words if word in _TOPICS}
    return named or tuple(unit for unit in UNITS if unit.dimension in topics)
