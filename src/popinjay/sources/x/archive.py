"""X (Twitter) archives: the zip that X makes of an account, or its unpacked folder, of any era.

Since 2022: `data/tweets.js` and its parts, `note-tweet.js`, `manifest.js`; 2019 to 2022:
`data/tweet.js`; until 2018 ("Grailbird"): `data/js/tweets/YYYY_MM.js` and `tweets.csv`. Only posts
and the public profile are read; direct messages, likes, adverts and the like are never opened. Of
the media, only the avatar is.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from popinjay.errors import SpecError
from popinjay.options import CollectOptions
from popinjay.post import Author, Post, handle_of, printable, unescape
from popinjay.sources import Access, Findings, Reading, reading_of
from popinjay.sources.files.container import Container, is_zip
from popinjay.sources.files.json_lists import MAX_ITEM, array_items
from popinjay.sources.json_values import as_list, as_object
from popinjay.sources.x.assembly import Assembly, Note
from popinjay.sources.x.layout import DOWNLOAD, MONTH_FILE, POSTS, is_of_x, root_of
from popinjay.sources.x.post import (
    as_number,
    kind_of,
    lang_of,
    links_of,
    time_of,
    without_own_handle,
)

NAME = "X archive"
HELP = "the zip from x.com/settings/download_your_data, or its folder"
NEEDS = ""

_NOTES = re.compile(r"note-tweets?(?:-part\d+)?\.js")
_CIRCLE = re.compile(r"twitter-circle-tweets?(?:-part\d+)?\.js")
_PRIVATE = {  # classes of an archive that are never opened
    "direct messages": re.compile(r"direct-message.*\.js"),
    "deleted posts": re.compile(r"deleted-.*\.js"),
    "likes": re.compile(r"like(-part\d+)?\.js"),
    "addresses and numbers": re.compile(
        r"(?:ip-audit|phone-number|email-address-change|contact|device-token|ni-devices"
        r"|connected-application).*\.js"
    ),
    "adverts": re.compile(r"ad-.*\.js|ads-.*\.js|personalization.*\.js"),
    "chats with Grok": re.compile(r"grok-.*\.js"),
}
_CIRCLE_WINDOW = ("2022-08-01", "2023-12-01")
MAX_NOTES = 10  # on files that contradict the manifest
_OTHER_TOOL = "It was written by some other tool; give its text as .jsonl or .csv instead."


def matches(spec: str) -> bool:
    """Return whether a zip or folder is laid out as X does it."""
    path = Path(spec)
    if not path.is_dir() and not is_zip(path):
        return False
    try:
        with Container(path) as container:
            return is_of_x(container)
    except (SpecError, OSError):
        return False  # no source takes it then, and `read` is called to say why


def read(spec: str, options: CollectOptions, access: Access) -> XArchive:
    """Open an archive. Raises SpecError if it is none, with what it seems to be, or not whole."""
    return reading_of(Container(Path(spec)), lambda container: XArchive(container, options))


class XArchive(Reading):
    """One account's archive."""

    def __init__(self, container: Container, options: CollectOptions) -> None:
        self._container = container
        self._options = options
        self.findings = Findings()
        self._root = root_of(container)
        self._files = [name for name in container.names if name.startswith(self._root)]
        self._manifest = self._load("manifest.js")
        self._modern = self._named(POSTS)
        self._months = [
            name for name in self._files if MONTH_FILE.fullmatch(name[len(self._root) :])
        ]
        self._account_id = ""
        self._avatar_name = ""
        self.author = self._read_author()
        if made := self._generated():
            self.findings.source = f"{NAME} of {made}"
        for label, pattern in _PRIVATE.items():
            if private := len(self._named(pattern)):
                self.findings.unread[label] = private

    def close(self) -> None:
        """Close the zip."""
        self._container.close()

    def fingerprint(self) -> str:
        """Return a hash of the files that are read."""
        wanted = (
            self._modern
            + self._months
            + self._named(_NOTES)
            + self._named(_CIRCLE)
            + self._table()
            + self._avatar_files()
        )
        return self._container.fingerprint(wanted)

    def avatar(self) -> bytes | None:
        """Return the author's picture from `profile_media`, None if it is missing or unreadable."""
        for name in self._avatar_files():
            if (data := self._container.avatar(name)) is not None:
                return data
        return None

    def posts(self) -> Iterator[Post]:
        """Yield every post once: the last version of edited ones, long ones in full, no Circle."""
        window = 0
        for post in self._assembled():
            in_window = _CIRCLE_WINDOW[0] <= (post.created_at or "") <= _CIRCLE_WINDOW[1]
            if in_window and self._options.exclude_circle_window:
                self.findings.left_out["from the time of Circle"] += 1
                continue
            window += in_window
            yield post
        if window and not self._named(_CIRCLE):
            self.findings.notes.append(
                f"{window:,} posts are from August 2022 to November 2023, and this archive doesn't "
                "mark which of them were for a Circle only: --exclude-circle-window leaves all of "
                "them out."
            )

    # files

    def _named(self, pattern: re.Pattern[str]) -> list[str]:
        return [name for name in self._files if pattern.fullmatch(name[len(self._root) :])]

    def _table(self) -> list[str]:
        """Return `tweets.csv`, next to the data folder, if there is no newer file with posts."""
        name = self._root.removesuffix("data/") + "tweets.csv"
        is_needed = not self._modern and not self._months
        return [name] if is_needed and name in self._container.names else []

    def _avatar_files(self) -> list[str]:
        """Return the picture that the profile names; `profile_media` also holds the banner."""
        base = re.escape(self._avatar_name)
        if not base:
            return []
        return self._named(re.compile(rf"profile_media/(?:\d+-)?{base}", re.IGNORECASE))

    def _load(self, name: str) -> Any:
        """Return the value in a small file such as `window.X = {...}`, None if it is missing."""
        full = self._root + name
        if full not in self._files:
            return None
        with self._container.reading(full), self._container.text(full) as text:
            content = text.read(4 << 20)
        try:
            return json.loads(content[content.index("=") + 1 :].strip().rstrip(";"))
        except (ValueError, RecursionError) as error:
            raise SpecError(
                f"{full} in {self._container.path.name} is damaged: its JSON can't be read.",
                "Take a fresh copy of the archive.",
            ) from error

    def _items(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the unwrapped items of a file such as `window.YTD.tweets.part0 = [...]`."""
        label = f"{name} in {self._container.path.name}"
        with self._container.reading(name), self._container.text(name) as text:
            _skip_assignment(text, label)
            for item in array_items(text, label):
                if not isinstance(item, dict):
                    raise SpecError(f"{label} holds something other than posts.", _OTHER_TOOL)
                inner = next(iter(item.values())) if len(item) == 1 else item
                yield inner if isinstance(inner, dict) else item

    def _generated(self) -> str:
        """Return the day on which X made the archive, by its manifest; empty if it names none."""
        info = as_object(as_object(self._manifest).get("archiveInfo"))
        found = re.match(r"\d{4}-\d\d-\d\d(?!\d)", str(info.get("generationDate") or ""), re.ASCII)
        return found[0] if found else ""

    def _read_author(self) -> Author:
        user = as_object(as_object(self._manifest).get("userInfo"))
        # also holds an e-mail address, which is not used
        account = _first(self._load("account.js"), "account")
        profile = _first(self._load("profile.js"), "profile")
        details = as_object(self._load("js/user_details.js"))
        self._avatar_name = (
            str(profile.get("avatarMediaUrl") or "").split("?")[0].rpartition("/")[2]
        )
        self._account_id = str(
            user.get("accountId") or account.get("accountId") or details.get("id") or ""
        )
        handle = user.get("userName") or account.get("username") or details.get("screen_name")
        name = (
            user.get("displayName")
            or account.get("accountDisplayName")
            or details.get("full_name")
            or ""
        )
        bio = as_object(profile.get("description")).get("bio") or details.get("bio") or ""
        is_handle = re.fullmatch(r"\w{1,20}", str(handle or ""), re.ASCII)
        return Author(
            handle_of(printable(str(handle or self._container.path.stem))) or "me",
            printable(str(name)).strip(),
            printable(unescape(str(bio))).strip(),
            url=f"https://x.com/{handle}" if is_handle else "",
            avatar=printable(str(profile.get("avatarMediaUrl") or "")),
        )

    # posts

    def _assembled(self) -> Iterator[Post]:
        hidden = {_id(item) for name in self._named(_CIRCLE) for item in self._items(name)}
        threads = Assembly(self._notes(), self.findings)
        seen: set[int] = set()
        for tweet in self._tweets():
            number = _id(tweet)
            if number in seen:
                self.findings.left_out["the same post again"] += 1
                continue
            seen.add(number)
            post = self._post(tweet, number)
            if number in hidden:
                self.findings.left_out["Circle post"] += 1
                threads.leave_out(post, number)
            else:
                yield from threads.take(post, tweet, number)
        yield from threads.rest(self.author.handle)

    def _tweets(self) -> Iterator[dict[str, Any]]:
        if self._table():
            yield from self._rows(self._table()[0])
            return
        counted: Counter[str] = Counter()
        for name in self._modern or self._months:
            for tweet in self._items(name):
                counted[name] += 1
                if not isinstance(tweet.get("full_text", tweet.get("text")), str):
                    raise SpecError(
                        f"{name} in {self._container.path.name} holds no posts of X: an item has "
                        "no full_text.",
                        _OTHER_TOOL,
                    )
                yield tweet
        self._compare(counted)

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of `tweets.csv` in the shape of the JSON of its time."""
        with self._container.reading(name), self._container.text(name) as text:
            csv.field_size_limit(MAX_ITEM)
            try:
                yield from map(self._row, csv.DictReader(text))
            except (csv.Error, KeyError) as error:
                raise SpecError(
                    f"{name} in {self._container.path.name} is not a table of posts from X.",
                    DOWNLOAD,
                ) from error

    @staticmethod
    def _row(row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id_str": row["tweet_id"],
            "text": row["text"],
            "created_at": row.get("timestamp"),
            "in_reply_to_status_id_str": row.get("in_reply_to_status_id"),
            "in_reply_to_user_id_str": row.get("in_reply_to_user_id"),
            "retweeted_status": row.get("retweeted_status_id"),
        }

    def _compare(self, counted: Mapping[str, int]) -> None:
        """Compare the numbers of posts read with those in the manifest, and note differences."""
        types = as_object(as_object(self._manifest).get("dataTypes"))
        names = set(self._container.names)
        notes = []
        for kind in ("tweets", "tweet", "communityTweet", "communityTweets"):
            files = as_object(types.get(kind)).get("files")
            for file in map(as_object, as_list(files)):
                name = str(file.get("fileName", ""))
                expected = as_number(file.get("count")) or 0
                full = self._root + name.removeprefix("data/")
                found = counted.get(full, 0)
                if full not in names:
                    notes.append(
                        f"The manifest names {name} with {expected:,} posts, but it is missing: "
                        "those posts are lost."
                    )
                elif found != expected:
                    notes.append(
                        f"The manifest says that {name} holds {expected:,} posts, but it has "
                        f"{found:,}."
                    )

        self.findings.notes += notes[:MAX_NOTES]
        if len(notes) > MAX_NOTES:
            self.findings.notes.append(
                f"The same goes for {len(notes) - MAX_NOTES:,} more files in the manifest."
            )

    def _post(self, tweet: Mapping[str, Any], number: int) -> Post:
        text = printable(unescape(str(tweet.get("full_text") or tweet.get("text") or "")))
        answers = bool(
            tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_user_id_str")
        )
        if answers:
            text = without_own_handle(text, [self.author.handle])
        return Post(
            id=str(number),
            author=self.author.handle,
            text=text,
            kind=kind_of(
                text,
                links_of(tweet),
                reposts=bool(tweet.get("retweeted_status")),
                answers_others=answers and not self._to_self(tweet),
            ),
            created_at=time_of(tweet.get("created_at"), number),
            lang=lang_of(tweet.get("lang")),
        )

    def _to_self(self, tweet: Mapping[str, Any]) -> bool:
        me = self._account_id or str(as_object(tweet.get("user")).get("id_str") or "")
        if me and tweet.get("in_reply_to_user_id_str"):
            return str(tweet["in_reply_to_user_id_str"]) == me
        return str(tweet.get("in_reply_to_screen_name") or "").lower() == self.author.handle

    def _notes(self) -> list[Note]:
        return [
            note
            for name in self._named(_NOTES)
            for item in self._items(name)
            if (note := Note.of(item))
        ]


def _skip_assignment(text: IO[str], label: str) -> None:
    """Read past `window.YTD.tweets.part0 = [`. Raises SpecError if it is anything else."""
    head = ""
    while len(head) < 200 and (character := text.read(1)):
        if character == "[":
            break
        head += character
    else:
        raise SpecError(
            f"{label} holds no list of posts.", "It is damaged, or was written by some other tool."
        )
    if head.strip() and not re.fullmatch(
        r"(?:window\.YTD|Grailbird\.data)\.\w+(?:\.part\d+)?\s*=\s*", head.strip() + " "
    ):
        raise SpecError(
            f"{label} begins with {head.strip()[:40]!r}, which X does not write.", _OTHER_TOOL
        )


def _first(value: Any, key: str) -> dict[str, Any]:
    """Return the object in `[{key: {...}}]`, or an empty one."""
    item = as_object(value[0]) if isinstance(value, list) and value else {}
    return as_object(item.get(key, item))


def _id(tweet: Mapping[str, Any]) -> int:
    number = as_number(tweet.get("id_str") or tweet.get("id"))
    if number is None:
        given = str(tweet.get("id_str") or tweet.get("id") or "")[:30]
        raise SpecError(
            f"A post in the archive has an id that X never assigns ({given!r}).",
            "The archive was modified; take a fresh copy.",
        )
    return number
