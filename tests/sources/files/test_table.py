"""Tests of tables: delimiters, the roles of columns, and messages on damaged rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from popinjay import sources
from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Kind, Post
from readings import table

PARTS = (
    ("a gull", "the lamp", "our neighbour", "grandmother"),
    ("sings for", "apologised to", "translated", "borrowed"),
    ("the tide", "a broken compass", "two bags of gravel"),
    ("tonight", "at the pier", "in the rain again"),
)


def sentences(count: int) -> list[str]:
    chance = random.Random(count)
    return [
        " ".join(chance.choice(part) for part in PARTS) + f" {number}" for number in range(count)
    ]


def read(
    folder: Path, name: str, content: str | bytes, **options: Any
) -> tuple[list[Post], list[str]]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    reading = sources.read(str(path), CollectOptions(**options))
    posts = list(reading.posts())
    return posts, reading.findings.notes


def texts(folder: Path, name: str, content: str | bytes, **options: Any) -> list[str]:
    return [post.text for post in read(folder, name, content, **options)[0]]


# delimiters and quotation marks


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["ada.csv", "ada.tsv", "ada.txt"])
def test_the_delimiter_is_detected_under_any_file_name(
    tmp_path: Path, name: str, delimiter: str
) -> None:
    said = [f"{text}, and; so" for text in sentences(6)]
    rows = [["id", "text", "date"], *([str(n), text, "2020-01-01"] for n, text in enumerate(said))]
    assert texts(tmp_path, name, table(rows, delimiter)) == said


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_line_that_names_the_delimiter_is_no_header(tmp_path: Path, line: str) -> None:
    assert texts(tmp_path, "ada.csv", f"{line}\r\nid;text\r\n1;a, b\r\n2;c, d\r\n") == [
        "a, b",
        "c, d",
    ]


def test_a_title_above_the_header_is_skipped(tmp_path: Path) -> None:
    posts, notes = read(
        tmp_path, "ada.csv", "Exported on Monday\n\nid,text\n1,one more\n2,and another\n"
    )
    assert [post.text for post in posts] == ["one more", "and another"]
    assert notes == ["ada.csv begins with a title of 2 lines, which is skipped."]


BARE = ['"not so fast', 'she said "no" to me', "it's fine", '"quite" so', "plain words"]


def test_quotes_in_an_unquoted_table_are_text(tmp_path: Path) -> None:
    content = "id\ttext\n" + "".join(f"{n}\t{text}\n" for n, text in enumerate(BARE * 3))
    assert texts(tmp_path, "ada.tsv", content) == BARE * 3


def test_escaped_quotes_are_text(tmp_path: Path) -> None:
    rows = "".join(
        f'{n},"{text}, said \\"I\\", not you",3\n' for n, text in enumerate(sentences(4))
    )
    assert texts(tmp_path, "ada.csv", "id,text,likes\n" + rows) == [
        f'{text}, said "I", not you' for text in sentences(4)
    ]


def test_blanks_after_delimiters_are_allowed(tmp_path: Path) -> None:
    rows = "".join(f'{n}, "{text}, so", 3\n' for n, text in enumerate(sentences(4)))
    assert texts(tmp_path, "ada.csv", "id, text, likes\n" + rows) == [
        f"{text}, so" for text in sentences(4)
    ]


def test_multi_line_texts_with_delimiters_are_no_rows(tmp_path: Path) -> None:
    said = [f"{text}\n2, {text}\n3, yes" for text in sentences(8)]
    rows = [["date", "text"], *(["2020-01-02", text] for text in said)]
    posts, notes = read(tmp_path, "ada.csv", table(rows))
    assert ([post.text for post in posts], notes) == (said, [])


def test_rows_after_an_unclosed_quote_are_read_and_reported(tmp_path: Path) -> None:
    said = sentences(30)
    lines = [f'{n},"{text}, so",2020-01-01' for n, text in enumerate(said)]
    lines[7] = lines[7].replace(', so"', "")  # its quote is not closed
    posts, notes = read(tmp_path, "ada.csv", "\n".join(["id,text,date", *lines]) + "\n")
    assert len(posts) == 30
    assert posts[29].text == f"{said[29]}, so"
    assert all("\n" not in post.text for post in posts)
    assert "unclosed quotation mark" in notes[0]
    assert "line 9" in notes[0]


def test_texts_split_at_delimiters_are_joined(tmp_path: Path) -> None:
    said = [f"{text}, well, yes" for text in sentences(6)]
    posts, notes = read(
        tmp_path, "ada.csv", "id,text\n" + "".join(f"{n},{text}\n" for n, text in enumerate(said))
    )
    assert [post.text for post in posts] == said
    assert "with the delimiter within the text" in notes[0]
    middle = "id,text,likes\n" + "".join(
        f"{n},{text}{', well' if n == 3 else ''},{n}\n" for n, text in enumerate(sentences(6))
    )
    assert texts(tmp_path, "bea.csv", middle)[3] == sentences(6)[3] + ", well"


def test_rows_of_other_lengths_are_counted_and_reported(tmp_path: Path) -> None:
    content = "id,text,mood\n1,one,good\n2\nid,text,mood\n3,three,so,so,bad\n"
    posts, notes = read(tmp_path, "ada.csv", content)
    assert [post.text for post in posts] == ["one", "", "three"]
    assert notes == [
        "ada.csv has 1 row with fewer cells than the header; the first is in line 3.",
        "ada.csv has 1 row equal to the header, which are skipped; the first is in line 4.",
        "ada.csv has 1 row with more cells than the header, whose text may be cut off; the first "
        "is in line 5.",
    ]


# No digits: a quoted cell with a line that looks like a row (a number, a text, a date) is
# ambiguous, as a table with an unclosed quotation mark looks the same.
cells = st.text(st.sampled_from("ab ,;\"'\n\t|é"), min_size=1, max_size=30).map(
    lambda text: f"x{text}x"
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(said=st.lists(cells, min_size=3, max_size=12), delimiter=st.sampled_from(",;\t|"))
def test_well_formed_tables_are_read_exactly(
    tmp_path: Path, said: list[str], delimiter: str
) -> None:
    rows = [
        ["id", "text", "date"],
        *([str(10_000 + n), text, "2020-01-01"] for n, text in enumerate(said)),
    ]
    assert texts(tmp_path, "ada.csv", table(rows, delimiter)) == said


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    content=st.text(st.sampled_from('ab1 ,;"\\\n\r\t|=é'), max_size=200),
    name=st.sampled_from(["ada.csv", "ada.tsv", "ada.txt"]),
)
def test_any_table_is_read_or_clearly_refused(tmp_path: Path, content: str, name: str) -> None:
    for start in ("", "id,text,date\n", "text\n"):
        with suppress(SpecError):
            assert all(isinstance(post, Post) for post in read(tmp_path, name, start + content)[0])


# headers and columns


def test_a_list_of_posts_has_no_header(tmp_path: Path) -> None:
    said = [f"{text}, so" if n % 2 else text for n, text in enumerate(sentences(6))]
    posts, notes = read(tmp_path, "ada.csv", "\n".join(said))
    assert [post.text for post in posts] == said
    assert notes == ["ada.csv has no header: its first line is read as a post too."]


def test_a_table_without_a_header_is_refused_with_one_to_add(tmp_path: Path) -> None:
    content = table([[str(10**9 + n), "2020-01-01", text] for n, text in enumerate(sentences(6))])
    with pytest.raises(
        SpecError, match="seems to have no header: its first row looks like a post"
    ) as caught:
        read(tmp_path, "ada.csv", content)
    assert caught.value.hint.endswith("such as: column1,date,text")
    assert sentences(6)[0] not in caught.value.message


@pytest.mark.parametrize(
    "name", ["Tweet text", "TweetText", "tweet-text", "Full Text", "Contents", "Post Content"]
)
@pytest.mark.parametrize("id", ["Tweet id", "TweetID", "tweet_id"])
def test_column_names_are_recognized_in_any_spelling(tmp_path: Path, name: str, id: str) -> None:
    rows = [
        [id, "Tweet Date", name, "impressions"],
        ["1200000000000000001", "2020-01-02", "so it goes", "7"],
    ]
    (post,) = read(tmp_path, "ada.csv", table(rows))[0]
    assert (post.id, post.created_at, post.text) == (
        "1200000000000000001",
        "2020-01-02T00:00:00Z",
        "so it goes",
    )


def test_of_two_columns_with_one_name_the_one_with_words_is_read(tmp_path: Path) -> None:
    for place in (0, 2):
        rows = [["text", "id", "Text"]]
        for n, text in enumerate(sentences(4)):
            row = ["0.5", str(n), "0.5"]
            row[place] = text
            rows.append(row)
        posts, notes = read(tmp_path, "ada.csv", table(rows))
        assert [post.text for post in posts] == sentences(4)
        assert notes == [
            "ada.csv has several columns named 'text': the one with more words is read."
        ]


def test_a_text_column_of_unknown_name_is_recognized_by_its_sentences(tmp_path: Path) -> None:
    rows = [
        ["nr", "status", "what was said"],
        *([str(n), "public", text] for n, text in enumerate(sentences(5))),
    ]
    posts, notes = read(tmp_path, "ada.csv", table(rows))
    assert [post.text for post in posts] == sentences(5)
    assert "from its column 'what was said'" in notes[0]


def test_two_possible_text_columns_are_ambiguous(tmp_path: Path) -> None:
    rows = [["one", "other"], *([text, text.upper()] for text in sentences(5))]
    with pytest.raises(SpecError, match="no column that is plainly the text"):
        read(tmp_path, "ada.csv", table(rows))


# reposts, replies and languages


def kinds(folder: Path, header: str, *cells: str) -> list[Kind]:
    rows = [
        ["text", header],
        *([text, cell] for text, cell in zip(sentences(len(cells)), cells, strict=True)),
    ]
    return [post.kind for post in read(folder, "ada.csv", table(rows))[0]]


@pytest.mark.parametrize(
    "header",
    [
        "retweet_id",
        "retweeted_status_id",
        "retweeted_status.id",
        "referenced_tweets.retweeted.id",
        "retweetedTweetID",
        "retweet_screen_name",
    ],
)
def test_columns_that_name_the_original_mark_reposts(tmp_path: Path, header: str) -> None:
    assert kinds(tmp_path, header, "", "1199", "NA", "0", "nan", "[]") == [
        Kind.POST,
        Kind.REPOST,
        *[Kind.POST] * 4,
    ]


@pytest.mark.parametrize("header", ["retweet", "IsRetweet", "is_retweet", "reblog", "isRepost"])
def test_flags_mark_reposts_and_counts_do_not(tmp_path: Path, header: str) -> None:
    assert kinds(tmp_path, header, "0", "1", "0") == [Kind.POST, Kind.REPOST, Kind.POST]
    assert kinds(tmp_path, header, "FALSE", "TRUE", "") == [Kind.POST, Kind.REPOST, Kind.POST]
    assert kinds(tmp_path, header, "0", "12", "1", "3") == [Kind.POST] * 4


@pytest.mark.parametrize(
    ("yes", "no"), [("WAHR", "FALSCH"), ("oui", "non"), ("VERDADERO", "FALSO"), ("ja", "nein")]
)
def test_a_flag_may_be_in_the_language_of_the_spreadsheet(
    tmp_path: Path, yes: str, no: str
) -> None:
    assert kinds(tmp_path, "retweet", no, yes, no) == [Kind.POST, Kind.REPOST, Kind.POST]


def test_forwarded_messages_are_left_out(tmp_path: Path) -> None:
    assert kinds(tmp_path, "forwarded_from", "", "Bob") == [Kind.POST, Kind.REPOST]


@pytest.mark.parametrize(
    "header",
    ["retweet_count", "retweets", "retweeted_status_count", "retweeted", "retweet_or_quote_id"],
)
def test_other_columns_about_retweets_mark_none(tmp_path: Path, header: str) -> None:
    assert kinds(tmp_path, header, "1", "12", "0") == [Kind.POST] * 3


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("retweet", Kind.REPOST),
        ("Retweeted", Kind.REPOST),
        ("RT", Kind.REPOST),
        ("replied_to", Kind.REPLY),
        ("Quote", Kind.QUOTE),
        ("original", Kind.POST),
        ("[{'type': 'retweeted', 'id': 7}]", Kind.REPOST),
        ("[<ReferencedTweet id=7 type=quoted>]", Kind.QUOTE),
    ],
)
def test_a_column_may_name_the_kind(tmp_path: Path, word: str, kind: Kind) -> None:
    assert kinds(tmp_path, "tweet_type", word, "") == [kind, Kind.POST]


def test_a_reply_to_oneself_is_a_post(tmp_path: Path) -> None:
    rows = [
        ["id", "user_id", "text", "in_reply_to_user_id"],
        ["1", "7", "so it goes", ""],
        ["2", "7", "and on it goes", "7"],
        ["3", "7", "@bob and so do you", "9"],
    ]
    assert [post.kind for post in read(tmp_path, "ada.csv", table(rows))[0]] == [
        Kind.POST,
        Kind.POST,
        Kind.REPLY,
    ]


def test_languages_are_read_as_codes_or_names(tmp_path: Path) -> None:
    written = ["English", "en-US", "eng", "Deutsch", "und", "in", "", "Portuguese (Brazil)"]
    rows = [
        ["text", "Language"],
        *([text, lang] for text, lang in zip(sentences(8), written, strict=True)),
    ]
    found = [post.lang for post in read(tmp_path, "ada.csv", table(rows))[0]]
    assert found == ["en", "en-us", "en", "de", None, "id", None, "pt"]


# dates


def dates(folder: Path, *written: str) -> tuple[list[str | None], list[str]]:
    rows = [
        ["text", "date"],
        *([text, date] for text, date in zip(sentences(len(written)), written, strict=True)),
    ]
    posts, notes = read(folder, "ada.csv", table(rows))
    return [post.created_at and post.created_at[:10] for post in posts], notes


def test_a_day_beyond_12_shows_which_number_is_the_month(tmp_path: Path) -> None:
    assert dates(tmp_path, "10/12/2017 9:58", "10/13/2017 9:58") == (
        ["2017-10-12", "2017-10-13"],
        [],
    )
    assert dates(tmp_path, "10/12/2017 9:58", "13/12/2017 9:58") == (
        ["2017-12-10", "2017-12-13"],
        [],
    )
    assert dates(tmp_path, "10.12.2017", "11.12.17") == (["2017-12-10", "2017-12-11"], [])
    assert dates(tmp_path, "1/2/2016 1:22 PM", "1/3/2016 1:22 AM") == (
        ["2016-01-02", "2016-01-03"],
        [],
    )


def test_an_ambiguous_order_of_day_and_month_is_reported(tmp_path: Path) -> None:
    found, notes = dates(tmp_path, "10/11/2017", "10/12/2017")
    assert found == ["2017-10-11", "2017-10-12"]
    assert "'10/11/2017', don't show which number is the month" in notes[0]
    found, notes = dates(tmp_path, "10/13/2017", "13/10/2017", "1/2/2017")
    assert found == [None] * 3
    assert "No date could be read in all rows" in notes[0]


def test_unreadable_dates_are_reported_with_an_example(tmp_path: Path) -> None:
    found, notes = dates(tmp_path, "2021-09-25 12:33:11 XQT", "", "2021-09-26")
    assert found == [None, None, "2021-09-26"]
    assert notes == [
        "No date could be read in 1 of 3 rows of ada.csv, such as '2021-09-25 12:33:11 XQT'."
    ]


def test_date_and_time_may_be_in_two_columns(tmp_path: Path) -> None:
    (post,) = read(
        tmp_path, "ada.csv", "date,time,timezone,text\n2020-03-04,08:05:06,+0200,so it goes\n"
    )[0]
    assert post.created_at == "2020-03-04T06:05:06Z"


@pytest.mark.parametrize("name", ["Datum", "Zeit", "Fecha", "when", "creationTime", "日時", "Дата"])
def test_a_column_of_dates_may_be_named_in_other_languages(tmp_path: Path, name: str) -> None:
    (post,) = read(
        tmp_path, "ada.csv", table([["text", name], ["so it goes", "2020-03-04 08:05"]])
    )[0]
    assert post.created_at == "2020-03-04T08:05:00Z"


# texts


def test_escaped_line_breaks_are_unescaped(tmp_path: Path) -> None:
    rows = [
        ["id", "text"],
        *([str(n), rf"{text}\n\nand on"] for n, text in enumerate(sentences(3))),
    ]
    assert texts(tmp_path, "ada.csv", table(rows)) == [f"{text}\n\nand on" for text in sentences(3)]
    assert (
        texts(tmp_path, "bea.csv", table([["id", "text"], ["1", r"in C:\new"], ["2", "else"]]))[0]
        == r"in C:\new"
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda said: "".join(f"<|startoftext|>{text}<|endoftext|>\n" for text in said),
        lambda said: "".join(f"<|startoftext|>\n{text}\n<|endoftext|>\n" for text in said),
        lambda said: "<|endoftext|>".join(said),
        lambda said: "\n<|endoftext|>\n".join(said) + "\n<|endoftext|>\n",
    ],
)
def test_separators_delimit_the_posts_of_a_text(
    tmp_path: Path, write: Callable[[list[str]], str]
) -> None:
    said = [f"{text}\nand on" for text in sentences(5)]
    assert texts(tmp_path, "ada.txt", write(said)) == said


def test_lines_with_tabs_or_commas_are_no_table_without_known_columns(tmp_path: Path) -> None:
    said = [f"{text}\t{text}, so | and; on" for text in sentences(5)]
    assert texts(tmp_path, "ada.txt", "\n".join(said)) == said
    said = ["text is what I write, date or not", *sentences(3)]
    assert texts(tmp_path, "bea.txt", "\n".join(said)) == said
