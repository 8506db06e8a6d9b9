"""Payment cards (ISO/IEC 7812) and bank accounts (IBAN, ISO 13616), verified by check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from popinjay.text.pii.folding import Span

_RUN = re.compile(r"(?<![\d.,])\d(?:[ ./_-]{0,3}+\d){12,4000}+")  # bounded to save memory
_GROUP = re.compile(r"\d+")

_ISSUERS = (  # first digits, numbers of digits
    ("4", (13, 16, 19)),  # Visa
    ("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    ("3[47]", (15,)),  # American Express
    ("30[0-5]|309|36|3[89]", (14, 16, 19)),  # Diners
    ("35(?:2[89]|[3-8])", (16, 19)),  # JCB
    ("6(?:011|22|4[4-9]|5|[0-3]|[67])", (16, 19)),  # Discover, UnionPay, RuPay
    ("8[12]", (16,)),  # UnionPay, RuPay
    ("220[0-4]", (16, 19)),  # Mir
    ("50(?:18|20|38)|5[6-8]|6(?:304|759|76[1-3])", (16, 18, 19)),  # Maestro
)
_LENGTHS = (16, 15, 14, 19, 18, 13)  # the most common first
_ISSUED = {
    length: re.compile("|".join(start for start, lengths in _ISSUERS if length in lengths))
    for length in _LENGTHS
}

_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}[ -]?\d\d(?:[ .-]?[A-Za-z0-9]){11,30}+))")
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (
        line.split(":")
        for line in (
            "15:NO",
            "16:BE",
            "18:DK FI FO GL NL SD",
            "19:MK SI",
            "20:AT BA EE KZ LT LU XK",
            "21:CH HR LI LV",
            "22:BG BH CR DE GB GE IE ME RS VA",
            "23:AE GI IL IQ OM TL",
            "24:AD CZ ES MD PK RO SA SE SK TN VG",
            "25:LY PT ST",
            "26:IS TR",
            "27:BI DJ FR GR IT MC MR SM",
            "28:AL AZ BY CY DO GT HU LB NI PL SV",
            "29:BR EG PS QA UA",
            "30:JO KW MU YE",
            "31:MT SC",
            "32:LC",
            "33:RU",
        )
    )
    for country in countries.split()
}


def digits_of(text: str) -> str:
    """Return the ASCII digits of a text."""
    return re.sub(r"[^0-9]", "", text)


def passes_luhn(text: str) -> bool:
    """Return whether the digits of a text have a valid check digit (Luhn, ISO/IEC 7812-1)."""
    total = 0
    for index, digit in enumerate(reversed(digits_of(text))):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def find_cards(text: str) -> Iterator[Span]:
    """Yield the spans of card numbers, whatever date or code follows them."""
    for run in _RUN.finditer(text):
        yield from _cards_in(
            [found.span() for found in _GROUP.finditer(text, *run.span())], digits_of(run[0])
        )


def _cards_in(groups: list[Span], digits: str) -> Iterator[Span]:
    """Yield the spans of card numbers that begin and end with groups of digits."""
    starts = list(accumulate((end - begin for begin, end in groups), initial=0))
    group_at = {start: number for number, start in enumerate(starts)}
    free = 0  # the first digit that is not part of a card
    for first, start in enumerate(starts[:-1]):
        if start < free:
            continue
        for length in _LENGTHS:
            last = group_at.get(start + length)
            if last is None:
                continue
            number = digits[start : start + length]
            sizes = [end - begin for begin, end in groups[first:last]]
            if _ISSUED[length].match(number) and _is_grouped(sizes) and passes_luhn(number):
                yield groups[first][0], groups[last - 1][1]
                free = start + length
                break


def _is_grouped(sizes: list[int]) -> bool:
    """Return whether group sizes are as on cards: equal, or at least four, except the last."""
    return len({*sizes[:-1]}) <= 1 or min(sizes[:-1]) >= 4


def find_ibans(text: str) -> Iterator[Span]:
    """Yield the spans of account numbers with the length of their country and valid digits."""
    last = 0
    for found in _IBAN.finditer(text):
        begin = found.start()
        wording = found[1]
        length = _IBAN_LENGTHS.get(wording[:2].upper(), 0)
        indexes = [index for index, one in enumerate(wording) if one.isalnum()][:length]
        number = "".join(wording[index] for index in indexes).upper()
        end = begin + indexes[-1] + 1 if indexes else begin
        is_whole = length > 0 and len(number) == length and not text[end : end + 1].isalnum()
        if is_whole and begin >= last and _is_valid_iban(number):
            yield begin, end
            last = end


def _is_valid_iban(number: str) -> bool:
    """Return whether an IBAN is 1 modulo 97, with letters from A = 10 on (ISO 7064)."""
    digits = "".join(str(int(character, 36)) for character in number[4:] + number[:4])
    return int(digits) % 97 == 1
