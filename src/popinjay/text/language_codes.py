"""Convert names of languages to codes: `en`, `en-US`, `eng`, `English`, `Deutsch`."""

from __future__ import annotations

import re
from functools import lru_cache

_NONE = {
    "und", "zxx", "mis", "mul", "art", "unknown", "undefined", "undetermined", "none", "null",
    "nan", "n/a", "na", "other", "qam", "qct", "qht", "qme", "qst", "xx",
}  # fmt: skip
_FORMER = {
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "jw": "jv",
    "no": "no",
    "nb": "no",
    "nn": "no",
    "fil": "tl",
}
# ISO 639-1 code, ISO 639-2 codes, and names in English and in the language itself
_TABLE = """
af afr afrikaans|am amh amharic|ar ara arabic العربية|az aze azerbaijani|be bel belarusian
bg bul bulgarian български|bn ben bengali bangla|bs bos bosnian|ca cat catalan català
ceb ceb cebuano|cs ces cze czech čeština|cy cym wel welsh cymraeg|da dan danish dansk
de deu ger german deutsch|el ell gre greek ελληνικά|en eng english|eo epo esperanto
es spa spanish español espanol castilian|et est estonian eesti|eu eus baq basque euskara
fa fas per persian farsi|fi fin finnish suomi|fr fra fre french français francais
ga gle irish gaeilge|gl glg galician galego|gu guj gujarati|ha hau hausa|he heb hebrew עברית
hi hin hindi हिन्दी|hr hrv croatian hrvatski|hu hun hungarian magyar|hy hye arm armenian
id ind indonesian bahasa|ig ibo igbo|is isl ice icelandic íslenska|it ita italian italiano
ja jpn japanese 日本語|jv jav javanese|ka kat geo georgian|kk kaz kazakh|km khm khmer
kn kan kannada|ko kor korean 한국어|ku kur kurdish|la lat latin|lb ltz luxembourgish
lt lit lithuanian lietuvių|lv lav latvian latviešu|mg mlg malagasy|mk mkd mac macedonian
ml mal malayalam|mn mon mongolian|mr mar marathi|ms msa may malay|mt mlt maltese
my mya bur burmese|ne nep nepali|nl nld dut dutch nederlands flemish|no nor norwegian norsk
pa pan punjabi panjabi|pl pol polish polski|ps pus pashto|pt por portuguese português portugues
ro ron rum romanian română|ru rus russian русский|si sin sinhala|sk slk slo slovak slovenčina
sl slv slovenian slovene slovenščina|so som somali|sq sqi alb albanian shqip|sr srp serbian српски
sv swe swedish svenska|sw swa swahili kiswahili|ta tam tamil|te tel telugu|th tha thai ไทย
tl tgl tagalog filipino|tr tur turkish türkçe turkce|uk ukr ukrainian українська|ur urd urdu
uz uzb uzbek|vi vie vietnamese|xh xho xhosa|yi yid yiddish|yo yor yoruba|zh zho chi chinese 中文
zu zul zulu
"""
_CODES = {
    name: row.split()[0]
    for line in _TABLE.strip().splitlines()
    for row in line.split("|")
    for name in row.split()
}


@lru_cache(maxsize=1024)
def language_code(written: str) -> str | None:
    """Return a language's code in lower case, with its region if given; None if there is none."""
    name = written.strip().strip("[]'\"").lower().replace("_", "-")
    name = re.sub(r"\s*\(.*\)$", "", name)  # English (United States)
    if not name or name in _NONE:
        return None
    main, _, region = name.partition("-")
    code = _FORMER.get(main) or _CODES.get(main)
    if code is None:
        return name if re.fullmatch(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", name) else None
    return f"{code}-{region}" if region and re.fullmatch(r"[a-z0-9-]{2,12}", region) else code
