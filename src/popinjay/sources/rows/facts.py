"""Read a row of an unknown schema, by the usual names of keys and columns.

Rows come with folded keys (`keys.folded`), so that `createdAt` and `Created at` are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from popinjay.post import Kind, Post, is_repost_text, printable
from popinjay.sources.rows.authors import answered_in, writer_in
from popinjay.sources.rows.dates import iso_time
from popinjay.sources.rows.ids import id_in
from popinjay.sources.rows.keys import NO_WORDS, fold, present, text_of
from popinjay.sources.rows.privacy import hidden_in
from popinjay.sources.rows.row import Row
from popinjay.text.escapes import as_typed
from popinjay.text.language_codes import language_code

NO_POST = "no post"  # a reason to leave a row out
_CLOCK = re.compile(r"\d{1,2}:\d{2}")

# full texts before those that may be cut off
TEXTS = (
    "fulltext", "rawcontent", "text", "tweet", "content", "body", "post", "message", "status",
    "tweettext", "tweetcontent", "posttext", "statustext", "contenttext", "commenttext", "comment",
    "selftext", "caption", "note", "renderedcontent", "renderedtext", "tweets", "posts", "toot",
    "skeet", "messagetext", "rawtext", "originaltext", "statusupdate", "sharecommentary", "msg",
    "captiontext", "commentbody", "textoriginal", "tweetfulltext", "posttextcontent", "contents",
    "postcontent", "postbody", "tweetbody", "statuscontent", "messagebody", "messagecontent",
    "fulltweet",
)  # fmt: skip
TIMES = (
    "createdat", "date", "timestamp", "time", "datetime", "published", "publishedat", "created",
    "createdutc", "createtime", "postedat", "tweetcreatedat", "publishdate", "creationtimestamp",
    "tweetdate", "tweettime", "postdate", "posttime", "datetimeutc", "dateposted", "timeposted",
    "posted", "postedon", "posteddate", "createddate", "createdtime", "createdon", "dateutc",
    "dateofpost", "dateoftweet", "timestampms", "timestamputc", "epoch", "unixtime", "dateunix",
    "tweettimestamp", "parsedcreatedat", "publisheddate", "publishtime", "publicationdate",
    "tweetdatetime", "tweetcreated", "utcdate", "dategmt", "localdate", "day", "timeparsed", "when",
    "datecreated", "datepublished", "dateadded", "pubdate", "creationdate", "creationtime",
    "timecreated", "postedtime", "sentat", "publishedon", "publisheddatetime", "datum", "zeit",
    "zeitpunkt", "zeitstempel", "erstelltam", "fecha", "fechayhora", "fechadepublicación",
    "horodatage",
    "datedepublication", "datedecréation", "dataora", "datahora", "дата", "日時", "日付",
    "投稿日時", "时间", "日期", "发布时间", "날짜",
)  # fmt: skip
LANGUAGES = ("lang", "language", "tweetlang", "tweetlanguage", "langcode", "languagecode", "langs")
# flags; numbers greater than 1 in them are counts
FLAGS = (
    "isretweet", "isrepost", "isreblog", "isboost", "isrt", "retweet", "repost",
    "reblog", "boost", "rt", "retweetflag", "isnativeretweet", "isretweetstatus", "isrenote",
)  # fmt: skip
# columns that name the reposted post, or its author
REPOSTS = (
    "retweetedstatus", "retweetedstatusid", "retweetedstatusidstr", "retweetedtweet",
    "retweetedtweetid", "retweetid", "retweetidstr", "retweetedid", "retweetstatusid",
    "retweeteduserid", "retweeteduser", "retweetedusername", "retweetuserid", "retweetuser",
    "retweetusername", "retweetscreenname", "retweetedscreenname", "retweetdate", "retweettext",
    "retweetedfrom", "retweetfrom", "retweetof", "retweetofid", "rtid", "rtuser", "rtfrom",
    "userrt", "userrtid", "reblogid", "reblogof", "reblogofid", "rebloguri",
    "referencedtweetsretweetedid", "repostid", "repostof", "repostedfrom", "repostedid",
    "boostof", "forwardedfrom", "forwardedfromid", "fwdfrom",
)  # fmt: skip
_REPOST_PREFIXES = (
    "retweetedstatus", "retweetedtweet", "referencedtweetsretweeted", "reblogcontent",
    "reblogaccount", "retweetstatus",
)  # fmt: skip
_COUNTS = ("count", "counts", "number", "total")
REPLIES = (
    "isreply", "inreplyto", "inreplytostatusid", "inreplytostatusidstr", "inreplytotweetid",
    "inreplytotweetidstr", "inreplytoid", "inreplytouserid", "inreplytouseridstr",
    "inreplytoscreenname", "inreplytousername", "inreplytouser", "replyid", "replyto",
    "replytoid", "replytotweetid", "replytostatusid", "replytouserid", "replytouser",
    "replytousername", "replytoscreenname", "replytouserscreenname",
    "referencedtweetsrepliedtoid", "repliedtoid",
)  # fmt: skip
QUOTES = (
    "isquote", "isquotestatus", "isquoted", "quoteid", "quotedstatusid", "quotedstatusidstr",
    "quotedtweet", "quotedtweetid", "quotedid", "quotedstatus", "quoteurl", "renoteid",
    "referencedtweetsquotedid",
)  # fmt: skip
# columns with a word for the kind of the post
_SORTS = (
    "tweettype", "posttype", "type", "kind", "messagetype", "statustype", "retweettype", "verb",
    "activitytype", "notetype", "contenttype", "referencedtweets", "referencedtweetstype",
)  # fmt: skip
_REPOST_WORDS = (
    "retweet", "retweeted", "rt", "repost", "reposted", "reblog", "boost", "announce", "renote",
    "nativeretweet", "purerenote",
)  # fmt: skip
_REPLY_WORDS = ("reply", "replied", "repliedto", "inreplyto", "replyto", "comment")
_QUOTE_WORDS = ("quote", "quoted", "quotetweet", "quotepost")
_NO = (
    *NO_WORDS, "", "0.0", "-1", "false", "none", "null", "nan", "f", "n", "na", "n/a", "<na>",
    "nat", "[]", "{}", "-", "off", "undefined", "original", "tweet", "#n/a",
)  # fmt: skip


def row_in(named: Mapping[str, Any], position: int, text_column: str | None) -> Row | str:
    """Convert a row, or return the reason to leave it out."""
    key = text_key(named, text_column)
    if not key or isinstance(named[key], list | dict):
        return NO_POST
    if reason := hidden_in(named):
        return reason
    text = as_typed(str(named[key] or ""))
    post = Post(
        id=id_in(named),
        author="",
        text=text,
        kind=kind_in(named, text),
        created_at=time_in(named),
        lang=language_in(named),
        truncated=is_yes(named.get("truncated")),
    )
    return Row(position, post, writer_in(named), *answered_in(named))


def text_key(named: Mapping[str, Any], text_column: str | None) -> str:
    """Return the key of the text: `text_column`, or else a usual one; empty if there is none."""
    if text_column is not None:
        return fold(text_column) if fold(text_column) in named else ""
    held = [key for key in present(named, TEXTS) if not isinstance(named[key], list | dict)]
    for key in held:
        if named[key] not in (None, ""):
            return key
    if held:
        return held[0]
    (only,) = named.items() if len(named) == 1 else [("", None)]
    return only[0] if isinstance(only[1], str) else ""


def kind_in(named: Mapping[str, Any], text: str) -> Kind:
    """Return the kind of a post; here replies to its own author count as replies too."""
    sorts = {word for key in present(named, _SORTS) for word in _words_of(named.get(key))}
    if is_repost_text(text) or _is_repost(named) or sorts.intersection(_REPOST_WORDS):
        return Kind.REPOST
    if sorts.intersection(_REPLY_WORDS) or _any_yes(named, REPLIES):
        return Kind.REPLY
    is_quote = sorts.intersection(_QUOTE_WORDS) or _any_yes(named, QUOTES)
    return Kind.QUOTE if is_quote else Kind.POST


def _any_yes(named: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    return any(is_yes(named.get(key)) for key in present(named, keys))


def _is_repost(named: Mapping[str, Any]) -> bool:
    """Return whether flags or other columns say that it is a repost."""
    flags = (named[key] for key in present(named, FLAGS))
    if any(is_yes(flag) and not is_number_beyond_1(flag) for flag in flags):
        return True
    return any(is_yes(named[key]) for key in _names_of_reposts(tuple(named)))


@lru_cache(maxsize=4096)
def _names_of_reposts(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys of a row that name a reposted post."""
    prefixed = (key for key in names if key.startswith(_REPOST_PREFIXES))
    return (
        *(key for key in prefixed if not key.endswith(_COUNTS)),
        *(key for key in names if key in REPOSTS),
    )


def _words_of(value: Any) -> list[str]:
    """Return the words in a column for the kind of a post: `replied_to`, `#Retweet`."""
    if not isinstance(value, str) or len(value) > 1_000:
        return []
    if value.lstrip().startswith(("[", "{")):  # a list of objects, written as text
        return [fold(word) for word in re.findall(r"type['\"]?\s*[:=]\s*['\"]?(\w+)", value)]
    return [fold(value)]


def is_yes(value: Any) -> bool:
    """Return whether a value is true, or names something."""
    return bool(value) and str(value).strip().lower() not in _NO


def is_number_beyond_1(value: Any) -> bool:
    """Return whether a value is a count rather than a flag."""
    try:
        return not isinstance(value, bool) and float(str(value).strip()) > 1
    except ValueError:
        return False


def language_in(named: Mapping[str, Any]) -> str | None:
    """Return the code of the language that a row names."""
    for key in present(named, LANGUAGES):
        value = named.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if code := language_code(printable(text_of(value))):
            return code
    return None


def time_in(named: Mapping[str, Any]) -> str | None:
    """Return the time of a row as ISO 8601 in UTC."""
    if _CLOCK.match(text_of(named.get("time"))):  # separate columns for date and time
        zone = text_of(named.get("timezone")) or text_of(named.get("tz"))
        clock = f"{text_of(named['time'])} {zone}".strip()
        for key in ("date", "day", "createddate", "postdate"):
            day = text_of(named.get(key))
            if day and ":" not in day and (iso := iso_time(f"{day} {clock}")):
                return iso
    return next((iso for key in present(named, TIMES) if (iso := time_of(named.get(key)))), None)


def unread_time(named: Mapping[str, Any]) -> str:
    """Return a row's time as written if it can't be parsed; empty if it can, or is missing."""
    if time_in(named):
        return ""
    return next((text for key in present(named, TIMES) if (text := text_of(named.get(key)))), "")


def time_of(value: Any) -> str | None:
    """Return a time in any usual format as ISO 8601 in UTC; None if it is invalid."""
    return None if isinstance(value, dict | list | bool) else iso_time(value)
