"""Payment cards (ISO/IEC 7812) and bank accounts (IBAN, ISO 13616), told by their check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from popinjay.text.pii.folding import Span

_RUN = re.compile(r"(?<![\d.,])\d(?:[ ./_-]{0,3}+\d){12,4000}+")  # bounded for memory's sake
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
_LENGTHS = (16, 15, 14, 19, 18, 13)  # the commonest first
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
    """Whether the digits of a text carry a payment card's check digit (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits_of(text))):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def find_cards(text: str) -> Iterator[Span]:
    """Give where card numbers stand, whatever date or code follows them."""
    for run in _RUN.finditer(text):
        yield from _cards_in(
            [found.span() for found in _GROUP.finditer(text, *run.span())], digits_of(run[0])
        )


def _cards_in(groups: list[Span], digits: str) -> Iterator[Span]:
    """Look for card numbers that begin and end where groups of figures do."""
    starts = list(accumulate((end - begin for begin, end in groups), initial=0))
    group_at = {start: number for number, start in enumerate(starts)}
    free = 0  # the first figure that belongs to no card yet
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
    """Return whether figures stand in groups as on cards: alike, or at least four but the last."""
    return len({*sizes[:-1]}) <= 1 or min(sizes[:-1]) >= 4


def find_ibans(text: str) -> Iterator[Span]:
    """Give where account numbers stand that are as long as their country has them and add up."""
    last = 0
    for found in _IBAN.finditer(text):
        begin, wording = found.start(), found[1]
        length = _IBAN_LENGTHS.get(wording[:2].upper(), 0)
        places = [place for place, one in enumerate(wording) if one.isalnum()][:length]
        number = "".join(wording[place] for place in places).upper()
        end = begin + places[-1] + 1 if places else begin
        is_whole = length > 0 and len(number) == length and not text[end : end + 1].isalnum()
        if is_whole and begin >= last and _adds_up(number):
            yield begin, end
            last = end


def _adds_up(number: str) -> bool:
    """Return whether an IBAN is 1 modulo 97, letters counted from A = 10 on (ISO 7064)."""
    return int("".join(str(int(one, 36)) for one in number[4:] + number[:4])) % 97 == 1
