"""Phone numbers in the formats of many countries, by the sizes of their groups.

The library phonenumbers is not used: it needs to know the country, does not find numbers that can't
be assigned (555), and takes half a millisecond per post for each country.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from popinjay.text.pii.cards import digits_of
from popinjay.text.pii.dates import are_drawn, hide_dates, is_a_row, is_round
from popinjay.text.pii.folding import Span

_S = r"(?:[ ./-]| [-/.] )"  # between groups
_B = r"(?<![\w+.,/#$€£¥&=_-])(?<![$€£¥] )"  # before a number
_E = r"(?![\w€£$%]|[-./:_,]\d| ?[€$£%])"  # after a number
_EXTENSION = r"(?: ?(?:x|ext\.?|extension|extn|durchwahl|poste) ?\.?\d{1,6})?"

_INTERNATIONAL = re.compile(
    rf"(?<![\w+])(?:\+ ?|00 ?)[1-9](?:[ ()./-]{{0,3}}\d){{7,14}}{_EXTENSION}(?![\w])", re.IGNORECASE
)
_WITH_ZERO = re.compile(
    rf"{_B}\(?0 ?[1-9]\d{{0,4}}\)?{_S}?\d{{2,8}}(?:{_S}\d{{2,8}}){{0,4}}(?:-\d{{1,4}})?"
    rf"{_EXTENSION}{_E}",
    re.IGNORECASE,
)
_IN_GROUPS = re.compile(
    rf"{_B}(?:"
    rf"(?:1{_S}?)?(?:\(\d{{3}}\) ?|\d{{3}}{_S})\d{{3}}{_S}\d{{4}}"  # North America
    rf"|\(\d{{2,4}}\) ?\d{{3,5}}{_S}?\d{{3,4}}"  # with an area code in brackets
    rf"|[2-9]\d\d[ -]\d{{7}}|3\d\d[ ./-]\d{{6,7}}"  # with a separate area code; Italy
    rf"|[1-9]\d ?9\d{{4}}[ .-]\d{{4}}"  # Brazil
    rf"|[1-9]\d[ -](?!(?:19|20)\d\d[ -](?:19|20))\d{{4}}[ -]\d{{4}}"  # Mexico
    rf"|1[3-9]\d[ -]\d{{4}}[ -]\d{{4}}"  # China
    rf"|[6-9]\d{{4}}[ -]\d{{5}}"  # India
    rf"|8[ -]?\(?[3-9]\d\d\)?[ -]?\d{{3}}[ -]?\d\d[ -]?\d\d"  # Russia
    rf"|[2-9]\d\d(?P<t>[ .-])\d{{3}}(?P=t)\d\d(?P=t)\d\d"  # Turkey
    rf"|[1-9]\d(?P<p>[ -])\d{{3}}(?P=p)\d\d(?P=p)\d\d"  # Poland
    rf"|[679]\d\d(?P<s>[ .-])\d\d(?P=s)\d\d(?P=s)\d\d"  # Spain
    rf"){_EXTENSION}{_E}",
    re.IGNORECASE,
)
_IN_THREES = re.compile(rf"{_B}(?<!\d )[5-9]\d\d(?P<s>[ -])\d{{3}}(?P=s)\d{{3}}{_E}(?! \d)")
_TOGETHER = re.compile(
    rf"{_B}(?:[2-9]\d{{9}}|1[3-9]\d{{9}}|[1-9]\d9\d{{8}}|[78]9\d{{9}}){_EXTENSION}{_E}", re.I
)
_ONE_BY_ONE = re.compile(
    rf"{_B}(?<!\d )\d(?P<s>[ .-]|, | - )\d(?:(?P=s)\d){{7,11}}{_E}(?!(?P=s)\d)(?! \d)"
)
_AFTER_A_WORD = re.compile(
    rf"(?<![\w+.,#$€£¥])\(?\d(?:[ ()./-]{{0,3}}\d){{6,14}}{_EXTENSION}(?![\w€£$%])", re.IGNORECASE
)

_CALL = re.compile(
    r"(?:\b(?:call|text|ring|dial|phone|telephone|tel|tél|mobile|cell|whats ?app|sms|fax|hotline"
    r"|viber|handy|telefon|telefonnummer|handynummer|rufnummer|anrufen|rufe?|téléphone|portable"
    r"|appel(?:le|ez)?|teléfono|telefono|móvil|cellulare|celular|celu|llam[ae]|telefone|ligue|liga"
    r"|chiama|bel|phone number|my number|his number|her number|meine nummer|mein nr|mi número"
    r"|mon numéro|meu número)|wa\.me/|tel:)"
    r"(?:[\s:=.,]{0,3}\b(?:me|us|him|her|them|it|is|ist|est|es|at|on|now|under|unter|no|nr|number"
    r"|nummer|nº|my|mich|au|al|ao|a|uns|moi|oder|or)\b){0,4}[\s:=.,;!-]{0,4}$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"(?:\b(?:order|invoice|ticket|tracking|parcel|ref|reference|isbn|issn|ean|upc|sku|id|case"
    r"|serial|model|build|version|patent|doi|arxiv|pmid|booking|claim|account|acct|konto"
    r"|bestellung|bestellnummer|rechnung|sendung|pedido|factura|commande|facture|colis|status"
    r"|tweet|post|score|lotto|lottery|flight|bus|barcode|timestamp|epoch|seed|coordinates|coords"
    r"|lat|lon|population|views|followers)\b"
    r"(?:[\s-]{0,2}\b(?:no|nr|number|numbers|nummer|id|is|was|of|code|numéro|número)\b)*|#|№)"
    r"[\s:.=#-]{0,4}$",
    re.IGNORECASE,
)
_OF_SOMETHING = re.compile(
    r" ?(?:people|views?|followers|users|inhabitants|euros?|dollars?|pounds?|usd|eur|gbp|yen"
    r"|rupees|km|kg|miles|met(?:er|re)s|habitant(?:s|es)|einwohner|menschen|personnes|personas"
    r"|votes?|likes?|downloads|streams|plays|steps|years|times|bytes|deaths|cases|tweets|posts|%|€"
    r"|\$|°)(?![^\W_])",
    re.IGNORECASE,
)
_ENOUGH = re.compile(r"\d(?:[ ()./,_-]{0,3}\d){6}")
_BEFORE = 40  # characters before a number that are searched for a word


def find_phones(text: str) -> Iterator[Span]:
    """Yield the spans of phone numbers; unusual formats only after a word such as `call`."""
    if not _ENOUGH.search(text):
        return
    hidden = hide_dates(text)
    spans = [found.span() for found in _INTERNATIONAL.finditer(text) if _is_international(found[0])]
    for pattern in (_WITH_ZERO, _IN_GROUPS):
        spans += [found.span() for found in pattern.finditer(hidden) if _is_national(hidden, found)]
    for pattern in (_IN_THREES, _TOGETHER, _ONE_BY_ONE):
        spans += [found.span() for found in pattern.finditer(hidden) if _is_no_count(hidden, found)]
    spans += [found.span() for found in _AFTER_A_WORD.finditer(hidden) if _is_called(hidden, found)]
    last = 0
    for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if begin >= last:
            yield begin, end
            last = end


def _is_international(wording: str) -> bool:
    digits = digits_of(re.split(r"[a-z]", wording, maxsplit=1, flags=re.IGNORECASE)[0])
    digits = digits.removeprefix("00")
    if digits[0] in "17" and wording.startswith("+"):
        return len(digits) == 11 and not is_round(digits)
    return 8 <= len(digits) <= 15 and not digits.endswith("00000")


def _before(text: str, begin: int) -> str:
    return text[max(0, begin - _BEFORE) : begin]


def _is_national(text: str, found: re.Match[str]) -> bool:
    wording = found[0]
    digits = digits_of(re.split(r"[a-z]", wording, maxsplit=1, flags=re.IGNORECASE)[0])
    if not 9 <= len(digits) <= 13 or (wording.isdecimal() and is_a_row(digits)):
        return False
    before = _before(text, found.start())
    if _CALL.search(before):
        return True
    if _COUNTED.search(before) or _OF_SOMETHING.match(text, found.end()):
        return False
    return not _are_pairs(wording) or (_is_french(text, found) and not are_drawn(wording))


def _are_pairs(wording: str) -> bool:
    return all(len(group) == 2 for group in re.findall(r"\d+", wording))


def _is_french(text: str, found: re.Match[str]) -> bool:
    """Return whether there are exactly five pairs of digits with the same separators."""
    separators = re.findall(r"\D+", found[0].strip("()"))
    has_more = re.compile(r" \d\d(?!\d)").match(text, found.end())
    has_digits_before = re.search(r"\d[ ./-]$", text[max(0, found.start() - 2) : found.start()])
    is_regular = (
        len(separators) == 4
        and len(set(separators[1:])) == 1
        and separators[0] in (separators[1], "-")
    )
    return is_regular and not has_more and not has_digits_before


def _is_no_count(text: str, found: re.Match[str]) -> bool:
    digits = digits_of(re.split(r"[a-z]", found[0], maxsplit=1, flags=re.IGNORECASE)[0])
    if is_a_row(digits) or is_round(digits) or (len(digits) == 9 and digits.endswith("000")):
        return False
    before = _before(text, found.start())
    if _CALL.search(before):
        return True
    return not _COUNTED.search(before) and not _OF_SOMETHING.match(text, found.end())


def _is_called(text: str, found: re.Match[str]) -> bool:
    return _CALL.search(_before(text, found.start())) is not None
