"""What people write in a line: amounts, dates, times, numbers with signs and units, and words beside them."""

from collections.abc import Callable

import numpy as np

MAX_DIGITS = 10
PREFIX_SIGNS = list("$#=-*.+€£")
THOUSANDS_SEPARATORS = list("..,,'-")
OTHER_SEPARATORS = list("...,,,-':/")
SUFFIXES = [".", ".-", ",-", "-", "=", "-", "--", "=", ".=", "/", "#", "*", ",", "$", "%", "€", "~"]
CURRENCIES = list("$€£")
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYacdefhkmnprtuvwxy"  # alone; O, I, l, S, Z, b, g, q may be digits
WORDS = (
    *("No", "Nr", "No.", "TOTAL", "INVOICE", "Sum", "EUR", "USD", "Fr", "kg", "cm", "km", "Uhr", "Tel", "page", "Date"),
    *(
        "A",
        "B",
        "C",
        "x",
        "m",
        "h",
        "Room",
        "Item",
        "Order",
        "Box",
        "Rs",
        "ml",
        "pcs",
        "year",
        "day",
        "Nov",
        "May",
        "th",
    ),
)
SHORT_WORDS = 0.5  # of the words are drawn from the list, the others are random letters


def random_text(rng: np.random.Generator) -> str:
    """A line: digits, the signs between them, letters and spaces; now and then without a digit."""
    kind = rng.random()
    if kind < 0.05:
        return _signs_alone(rng)
    if kind < 0.6:
        return _digits_with_signs(rng)
    return FORMATS[rng.integers(len(FORMATS))](rng)


def random_digits(rng: np.random.Generator) -> str:
    """1 to 10 digits, more often of the usual lengths of amounts."""
    length = int(rng.integers(1, MAX_DIGITS + 1)) if rng.random() < 0.4 else int(rng.integers(2, 8))
    digits = rng.integers(0, 10, length)
    if rng.random() < 0.25:
        digits[length - rng.integers(0, min(length, 5)) :] = 0  # round amounts
    if rng.random() < 0.2:
        repeated = rng.integers(0, length)
        digits[repeated : repeated + 2] = digits[repeated]
    return "".join(map(str, digits))


def _signs_alone(rng: np.random.Generator) -> str:
    return "" if rng.random() < 0.5 else "".join(rng.choice(list(".,-=*#"), rng.integers(1, 4)))


def _digits_with_signs(rng: np.random.Generator) -> str:
    """Digits alone, or with signs before, between and after them, as on bank checks."""
    digits = random_digits(rng)
    separators = [""] * len(digits)
    style = rng.random()
    if style < 0.3:
        separators = _grouped(len(digits), _choose(THOUSANDS_SEPARATORS, rng))
    elif style < 0.45:
        separators = [_choose(OTHER_SEPARATORS, rng) if rng.random() < 0.25 else "" for _ in digits]
    prefix = _choose(PREFIX_SIGNS, rng) if rng.random() < 0.12 else ""
    suffix = _choose(SUFFIXES, rng) if rng.random() < 0.4 else ""
    separators[-1] = ""
    return prefix + "".join(digit + sign for digit, sign in zip(digits, separators, strict=True)) + suffix


def _grouped(count: int, sign: str) -> list[str]:
    """The sign after each group of three digits, counted from the right."""
    return [sign if (count - 1 - i) % 3 == 0 else "" for i in range(count)]


def _choose(signs: list[str], rng: np.random.Generator) -> str:
    return signs[rng.integers(len(signs))]


def _number(low: int, high: int, rng: np.random.Generator) -> str:
    return str(rng.integers(low, high))


def _decimal(rng: np.random.Generator) -> str:
    """12.50, 1,234.5, $7.95, 1.234,00 €."""
    point, thousands = [(".", ","), (",", "."), (".", "'"), (".", "")][rng.integers(4)]
    digits = _number(0, 10 ** int(rng.integers(1, 6)), rng)
    integer = "".join(map(str.__add__, digits[:-1], _grouped(len(digits), thousands)[:-1])) + digits[-1]
    decimals = int(rng.choice([1, 2, 2, 2, 3]))
    number = f"{integer}{point}{_number(0, 10**decimals, rng):0>{decimals}}"
    currency = _choose(CURRENCIES, rng) if rng.random() < 0.3 else ""
    return currency + number if rng.random() < 0.5 else number + currency


def _date(rng: np.random.Generator) -> str:
    sign = "/.-"[rng.integers(3)]
    day, month, year = (_number(low, high, rng) for low, high in ((1, 32), (1, 13), (1950, 2051)))
    if rng.random() < 0.6:
        day, month = f"{day:0>2}", f"{month:0>2}"
    if sign == "-" and rng.random() < 0.6:
        return f"{year}-{month:0>2}-{day:0>2}"
    return sign.join([day, month, year if rng.random() < 0.6 else year[2:]])


def _time(rng: np.random.Generator) -> str:
    sign = ":" if rng.random() < 0.8 else "."
    parts = [_number(0, 24, rng), *(f"{_number(0, 60, rng):0>2}" for _ in range(1 + (rng.random() < 0.25)))]
    return sign.join(parts)


def _signed(rng: np.random.Generator) -> str:
    number = random_digits(rng) if rng.random() < 0.6 else _decimal(rng).strip("$€£")
    return "-+"[rng.integers(2)] + number


def _parenthesized(rng: np.random.Generator) -> str:
    number = random_digits(rng)
    return f"({number})" if rng.random() < 0.8 else f"{number})"


def _percentage(rng: np.random.Generator) -> str:
    return (_number(0, 101, rng) if rng.random() < 0.6 else _decimal(rng).strip("$€£")) + "%"


def _calculation(rng: np.random.Generator) -> str:
    """3/4, 12+7=19, 20-5."""
    if rng.random() < 0.4:
        return f"{_number(1, 100, rng)}/{_number(1, 100, rng)}"
    first, second = _number(0, 100, rng), _number(0, 100, rng)
    return f"{first}{'+-'[rng.integers(2)]}{second}" + (f"={_number(0, 200, rng)}" if rng.random() < 0.5 else "")


def _spaced(rng: np.random.Generator) -> str:
    """Groups with spaces, as of telephone and account numbers."""
    sizes = rng.integers(2, 5, int(rng.integers(2, 4)))
    groups = [_number(0, 10 ** int(size), rng).zfill(int(size)) for size in sizes]
    return ("+" if rng.random() < 0.3 else "") + " ".join(groups)


def _with_word(rng: np.random.Generator) -> str:
    """No 7, B12, 25 kg: a word or a letter before or after a number."""
    word, number = _word(rng), random_digits(rng)[:6]
    space = " " if len(word) > 1 or rng.random() < 0.5 else ""
    return word + space + number if rng.random() < 0.65 else number + space + word


def _word(rng: np.random.Generator) -> str:
    if rng.random() < SHORT_WORDS:
        return WORDS[rng.integers(len(WORDS))]
    return "".join(LETTERS[rng.integers(len(LETTERS))] for _ in range(rng.integers(1, 6)))


FORMATS: tuple[Callable[[np.random.Generator], str], ...] = (
    *(_decimal, _decimal, _date, _date, _time, _signed, _parenthesized, _percentage, _calculation, _spaced),
    *(_with_word, _with_word),
)
