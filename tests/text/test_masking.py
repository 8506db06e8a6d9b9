"""Personal data in the forms that people write it in, and what only looks like it."""

from __future__ import annotations

import base64
import hashlib

import pytest

from popinjay.text.masking import find, mask, reveals, unfinished_start

HEX = hashlib.sha256(b"a key that opens nothing").hexdigest()
MIXED = (
    base64.b64encode(hashlib.sha512(b"another one").digest())
    .decode()
    .replace("/", "7")
    .replace("+", "Q")
    .rstrip("=")
)


def wif(key: bytes) -> str:
    """A Bitcoin key as wallets export it."""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    content = b"\x80" + key + b"\x01"
    content += hashlib.sha256(hashlib.sha256(content).digest()).digest()[:4]
    number, text = int.from_bytes(content, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = alphabet[rest] + text
    return text


CARDS = """
4111 1111 1111 1111
4111111111111111
4111-1111-1111-1111
4111.1111.1111.1111
4111/1111/1111/1111
4111_1111_1111_1111
4111–1111–1111–1111
4111‑1111‑1111‑1111
4111 - 1111 - 1111 - 1111
4111\u00a01111\u00a01111\u00a01111
4111\u20091111\u20091111\u20091111
4111\u200b1111\u200b1111\u200b1111
41\u00ad11 1111 1111 1111
４１１１ １１１１ １１１１ １１１１
٤١١١ ١١١١ ١١١١ ١١١١
4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
41 11 11 11 11 11 11 11
5500 0000 0000 0004
2223 0031 2200 3222
3782 822463 10005
378282246310005
3056 930902 5904
6011 1111 1111 1117
3530 1113 3330 0000
6212 3456 7890 1232
""".strip().splitlines()
EMAILS = """
ada@example.org
ada.l@example.co.uk
Ada+news@Example.ORG
ada_l@sub.example.museum
ada@example.org_
ada＠example．org
ada@exa\u200bmple.org
ad\u00ada@example.org
ada@bücher.example
почта@пример.рф
ada@xn--bcher-kva.example
ada%l@example.org
o'hara@example.org
ada [at] example.org
ada(at)example.org
ada (at) example (dot) org
ada {at} example {dot} org
ada[at]example[dot]org
ada at example dot org
ada @ gmail.com
ada@ gmail.com
""".strip().splitlines()
PHONES = """
+44 20 7946 0958
+442079460958
+44 (0)20 7946 0958
+49-171-2345678
+49/171/2345678
+49 171 234 56 78
+1 415 555 2671
+1 (415) 555-2671
+1.415.555.2671
+33 6 12 34 56 78
+91 98765 43210
+55 11 98765-4321
+86 138 1234 5678
+7 912 345-67-89
0049 171 2345678
00 44 20 7946 0958
tel:+14155552671
(555) 010-0199
(555)010-0199
555-010-0199
555.010.0199
555 010 0199
555 - 010 - 0199
1-800-555-0199
1 (800) 555-0199
(555) 123-4567x89
555-123-4567 ext. 12
5551234567
14155552671
415 5552671
555‑010‑0199
555–010–0199
555—010—0199
555−010−0199
５５５-０１０-０１９９
٠١٧١ ٢٣٤٥٦٧٨
۰۹۱۲ ۳۴۵ ۶۷۸۹
०९८७६ ५४३२१०
5\u200b55-0\u200b10-0199
5\u00ad55-010-0199
5 5 5 1 2 3 4 5 6 7
0 1 7 1 2 3 4 5 6 7 8
5-5-5-1-2-3-4-5-6-7
5️⃣5️⃣5️⃣0️⃣1️⃣0️⃣0️⃣1️⃣9️⃣9️⃣
13812345678
138 1234 5678
138-1234-5678
612 345 678
612-345-678
612 34 56 78
912 345 678
(11) 98765-4321
11 98765-4321
(11) 3456-7890
98765 43210
98765-43210
098765 43210
55 1234 5678
8 (912) 345-67-89
89123456789
8 912 345 67 89
532 123 45 67
0532 123 45 67
22 123 45 67
0171 2345678
01712345678
0171/2345678
0171-2345678
(0171) 2345678
0171 234 56 78
030 / 1234567
030 1234567-12
06 12 34 56 78
06.12.34.56.78
06-12-34-56-78
06-12345678
06-12 34 56 78
020 7946 0958
07911 123456
(02) 9876 5432
04 1234 5678
0412 345 678
070-123 45 67
079 123 45 67
0470 12 34 56
02 123 45 67
090-1234-5678
010-1234-5678
050-123-4567
333 1234567
333/1234567
082 123 4567
""".strip().splitlines()
CALLED = """
call 555-0199
call me on 2345 6789
text 12 34 56 78
ring 5550199 now
my number is 612345678
phone: 447911123456
whatsapp 919876543210
tel. 9123 4567
Handy: 171 2345678
mein Telefon ist 1234 567
appelle au 612345678
mi teléfono es 91 234 5678
wa.me/447911123456
""".strip().splitlines()
KEYS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "IOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ghp_" + MIXED[:36],
    "github_pat_" + MIXED[:60],
    "glpat-" + MIXED[:20],
    "glrt-" + MIXED[:20],
    "npm_" + MIXED[:36],
    "pypi-AgEIcHlwaS5vcmc" + MIXED,
    "hf_" + MIXED[:34],
    "sk-" + MIXED[:48],
    "sk-proj-" + MIXED[:60],
    "sk-ant-api03-" + MIXED,
    "sk_live_" + MIXED[:24],
    "rk_test_" + MIXED[:24],
    "whsec_" + MIXED[:32],
    "SG." + MIXED[:22] + "." + MIXED[22:65],
    "123456789:AA" + MIXED[:33],
    "AAAAAAAAAAAAAAAAAAAAAA" + MIXED[:60] + "%3D",
    "1234567890123456789-" + MIXED[:40],
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + MIXED[:43],
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0.",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0",
    "xoxb-123456789012-abcdefghijkl",
    "xoxb-abcdefghijklmnop",
    "AIza" + MIXED[:35],
    "ya29." + MIXED[:60],
    "GOCSPX-" + MIXED[:28],
    "shpat_" + HEX[:32],
    "dop_v1_" + HEX,
    "lin_api_" + MIXED[:40],
    "key-" + HEX[:32],
    HEX[:32] + "-us12",
    "SK" + HEX[:32],
    "dapi" + HEX[:32],
    "hvs." + MIXED[:24],
    "M" + MIXED[:23] + "." + MIXED[:6] + "." + MIXED[:27],
    "0x" + HEX,
    wif(bytes.fromhex(HEX)),
    "xprv"
    + MIXED.replace("0", "1").replace("O", "P").replace("I", "J").replace("l", "m")[:60]
    + "2" * 47,
    "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 5 + "2TVDW0S3",
    "ATATT3" + MIXED,
    "token: " + HEX[:40],
    "API_KEY=" + MIXED[:20],
    "client_secret: '" + MIXED[:24],
    "bearer " + HEX[:40],
    "-----BEGIN PRIVATE KEY----- MIIEvQIBADANBgkqhkiG9w0BAQEF -----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY----- MIIEvQIBADANBgkqhkiG9w0BAQEF",
    "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEAAAAABG5v -----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN PGP PRIVATE KEY BLOCK----- xsBNBF -----END PGP PRIVATE KEY BLOCK-----",
]
ACCOUNTS = """
DE89 3704 0044 0532 0130 00
DE89370400440532013000
de89 3704 0044 0532 0130 00
DE89-3704-0044-0532-0130-00
GB29 NWBK 6016 1331 9268 19
FR14 2004 1010 0505 0001 3M02 606
NL91ABNA0417164300
ES91 2100 0418 4502 0005 1332
IT60 X054 2811 1010 0000 0123 456
CH93 0076 2011 6238 5295 7
NO93 8601 1117 947
PL61 1090 1014 0000 0712 1981 2874
ＤＥ８９ ３７０４ ００４４ ０５３２ ０１３０ ００
""".strip().splitlines()
MACHINES = """
203.0.113.77
198.51.100.7
192.168.1.10
２０３.０.１１３.７７
2001:db8:85a3::8a2e:370:7334
2001:0db8:85a3:0000:0000:8a2e:0370:7334
fe80::1ff:fe23:4567:890a
""".strip().splitlines()

FORMS = [
    *(("card", form) for form in CARDS),
    *(("email", form) for form in EMAILS),
    *(("phone", form) for form in PHONES),
    *(("key", form) for form in KEYS),
    *(("iban", form) for form in ACCOUNTS),
    *(("ip", form) for form in MACHINES),
]

HARMLESS = """
Termin am 01.02.2023 10.30 Uhr
am 07.11.2020 um 20.15 Uhr
le 03.04.2021 08.30 devant la gare
on 04-05-2021 19 00 at the place
born 01/02/1990, gone 03/04/2021
2021-03-04 05:06:07 is the stamp
01 02 2023 and 28 02 2024
09.08.2021-15.08.2021 on holiday
in 2009-2010 and 2011
2019 2020 2021 2022 2023
the years 1914-1918 1939-1945
from 2019-2020-2021-2022 on
scores 02-10 03-11 04-12 05-13
we won 102-98 and 110-104 and 98-97
6-4 7-5 3-6 6-2
the lotto numbers are 04 08 15 16 23 42
drawn were 04 08 15 16 23
trains at 07.30 08.15 09.00 10.45
buses at 07:30 08:15 09:00 10:45
07.30-08.15 and 09.00-10.45
1,000,000,000 people
7,900,000,000 of us
7 900 000 000 habitants
7900000000 people live here
it has 4158675309 views
£12 345 678 900
$1,234,567.89
€ 612 345 678
612 345 678 €
612 345 678 people
123 456 789
123456789
1234567890
9876543210
3.14159265358979323846
1234 5678 9012 3456 is no card
4111 1111 1111 1112 is none either
room 101, 3.14159265358
48.8566, 2.3522
40.712776, -74.005974
52°31'12.0"N 13°24'17.8"E
51.507351 -0.127758
version 10.15.7.19 and 1.2.3.4
v4.18.200.1 is out
Chrome 119.0.6045.199
build 10.0.19045.3693
section 3.1.2.4
everybody has 127.0.0.1 and 0.0.0.0
ask 8.8.8.8 and 1.1.1.1
256.300.1.2 is no address
std::vector and a::b::c
12:30:45 to 13:45:59
10:20:30:40:50:60:70:80
order 4155552671
order no. 4155552671
Order #112-1234567-1234567
order 302-1234567-7654321 came
invoice 0171 2345678
ticket number 5551234567
tracking 9400 1000 0000 0000 0000 00
tracking number 7489 1234 5678
ISBN 978-3-16-148410-0
ISBN 0-306-40615-2
ISBN 0306406152
ISBN-13: 9783161484100
EAN 4006381333931
status 1234567890123456789
1846987139428634954 was the best
2006987139428634954 too
tweet id 12345678901
#4155552671 #covid19 #2020vision
#1 of 10, 2 of 10
call of duty 4 is out
I call 10 times a day
phone 15 pro or 14
text 911 or 112
1 2 3 4 5 6 7 8 9 10
10 9 8 7 6 5 4 3 2 1 0
0 1 1 2 3 5 8 13 21 34
1609459200 is a moment
+1000000000 aura
+100 -200 +300
2+2=4, 10-4, 50/50, 9/11, 24/7
4x4 3x3 1080p 4k 60fps
007 and 00001
1/2/3/4/5/6
100-200-300 mg
@ada@example.social is a handle
@ada and @babbage_
look at me, dot com
meet me at the dot
ping user@localhost
3@2.50 each
a@b
I am at (home)
sk-ating and gh_pages
ghp_short and npm_install
eyJ is how they begin
-----BEGIN CERTIFICATE-----
key: value, token: word
the secret is out-there-for-everyone
my token is gesture-of-kindness
#ThisIsAVeryLongHashtagFrom2020ToRemember2021
Donaudampfschifffahrtsgesellschaftskapitän
supercalifragilisticexpialidocious2000
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
hahahahahahahahahahahahahahahahahahahahahahaha
0x1f and 0xdeadbeef
d41d8cd98f00b204e9800998ecf8427e
commit 8301a39 and 3c0208b
DE89 is no account
GB 12 of 30
猫が好き 2020年12月31日 10時30分
٢٠٢٠ ٢٠٢١
🧵 1/12
""".strip().splitlines()


@pytest.mark.parametrize(("sort", "form"), FORMS)
def test_forms_of_personal_data_are_masked(sort: str, form: str) -> None:
    masked, counts = mask(f"it is {form} for you")
    assert counts.get(sort) == 1
    assert set(counts) == {sort}
    assert not set(_bare(form)[-6:]) - {*"_"} or _bare(form)[-6:] not in _bare(masked)
    assert mask(form)[1] == counts  # at the very beginning and end, too
    assert mask(f"({form}), and")[1] == counts


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@pytest.mark.parametrize("form", CALLED)
def test_numbers_of_any_shape_are_masked_behind_a_word(form: str) -> None:
    masked, counts = mask(f"{form} please")
    assert counts == {"phone": 1}
    assert not any(map(str.isdigit, masked))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask(text) == (text, {})
    assert mask(f"well {text} ok") == (f"well {text} ok", {})


def test_there_are_enough_forms() -> None:
    assert len(FORMS) + len(CALLED) >= 150
    assert len(HARMLESS) >= 100


def test_what_stands_around_stays_word_for_word() -> None:
    text = (
        "Pay ４１１１ １１１１ １１１１ １１１１ 12/27 123, or ca\u00adll 0171 2345678 (Ada)\u200b!"
    )
    assert mask(text) == (
        "Pay [card] 12/27 123, or ca\u00adll [phone] (Ada)\u200b!",
        {"card": 1, "phone": 1},
    )
    assert [one.wording for one in find(text)] == [
        "４１１１ １１１１ １１１１ １１１１",
        "0171 2345678",
    ]


def test_the_same_number_written_otherwise_is_the_same() -> None:
    assert {one.normalized for one in find("０１７１ ２３４５６７８ or 0171‑2345678")} == {
        ("phone", "01712345678")
    }
    assert {
        one.normalized for one in find("de89 3704 0044 0532 0130 00, DE89370400440532013000")
    } == {("iban", "DE89370400440532013000")}


def test_a_draft_that_ends_in_the_middle_of_a_form_is_held_back() -> None:
    for form in (
        "0171 2345678",
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "555‑010‑0199",
        "+44 20 7946",
    ):
        for end in range(4, len(form) + 1):
            text = f"it is {form[:end]}"
            assert unfinished_start(text) == 6, text
    assert unfinished_start("nothing here") == 12
    assert unfinished_start("so -----BEGIN RSA PRIVATE") == 3


@pytest.mark.parametrize(
    "form",
    [
        "4111 1111 1111 1111 12/27",
        "５５５-０１０-０１９９",
        "ada@example.org_",
        "DE89370400440532013000",
    ],
)
def test_what_is_masked_is_not_said(form: str) -> None:
    assert reveals(f"it is {form}")
    assert not reveals(f"it is {form}", typed=100)
