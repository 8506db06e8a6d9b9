"""Make HuggingTweets' cards again with popinjay and compare them with the originals.

    python bench/seeds.py --seeds FOLDER --personas FOLDER --work FOLDER

For every author of a card in `--seeds`, an X archive is built with the card's counts, name, handle
and avatar address. Its texts are real posts of other people, from `--personas`; reposts and short
posts only have to count as such. A persona is made from them on the built-in base. The table of
training data has to have the same numbers, and every feature of the original card has to be there
or have a replacement; otherwise the exit status is 1. The archives and `personas/NAME` (with the
card and its picture) stay in `--work`, and a second run makes only what is out of date.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import popinjay
from popinjay.events import Event, EventKind
from popinjay.picture.avatar import colour_of
from popinjay.picture.typeset import skia

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from archives import ACCOUNT, archive_files, profile, tweet, write_zip

# The cards' authors: handle, and the authors whose posts replace theirs, in the order of use.
AUTHORS = {
    "Christopher Parsons": ("karchitecture", ["wl_juliagillard"]),
    "Stephen King": ("stephenking", ["pepys"]),
    "University of OnFoeNem 🇭🇹": ("uofofn", ["pd_bierce", "pepys"]),
    "Karlous": ("karlousm", ["wl_obamawhitehouse"]),
    "Barack Obama": ("barackobama", ["wl_barackobama", "wl_obamawhitehouse"]),
}
ROWS = ("Tweets downloaded", "Retweets", "Short tweets", "Tweets kept")  # the originals' names


@dataclass(frozen=True)
class Seed:
    """An original card. `columns` has each author's counts in the order of `ROWS`."""

    name: str
    text: str
    authors: list[str]
    avatars: list[str]
    columns: list[list[int]]

    @classmethod
    def of(cls, file: Path) -> Seed:
        """Parse the text of an original card."""
        text = repair_encoding(file.read_text(encoding="utf-8"))
        head, *rows = table(text)
        (name,) = re.findall(r">@(\S+?)(?: bot)?</div>", text)
        titles = re.findall(r"font-weight: 800\">(?:(.+?) 🤖 AI Bot |(?!🤖)(.+?))</div>", text)
        authors = "".join(titles[0]).split(" & ")
        assert [row[0] for row in rows] == list(ROWS), file
        assert name == "-".join(sorted(AUTHORS[author][0] for author in authors)), file
        assert head[1:] == (authors if len(authors) > 1 else ["Quantity"]), file
        return cls(
            name,
            text,
            authors,
            re.findall(r"url\((?:'|&#39;)(.+?)(?:'|&#39;)\)", text),
            [[int(row[column]) for row in rows] for column in range(1, len(head))],
        )


def repair_encoding(text: str) -> str:
    """Return a text as it was before its UTF-8 was read as Windows-1252 and lost soft hyphens."""
    encoded = text.encode("cp1252")
    return re.sub(rb"\xf0\x9f\x87(?![\x80-\xbf])", b"\xf0\x9f\x87\xad", encoded).decode("utf-8")


def table(card: str) -> list[list[str]]:
    """Return the cells of a card's table of training data, without the line under its head."""
    lines = re.search(r"^\| Data \|.*(?:\n\|.*)+", card, re.MULTILINE)
    assert lines
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()]
    return [rows[0], *rows[2:]]


# archives with the cards' counts


class PostSupply:
    """Real posts by author, complete and long enough to be kept. Each is used once."""

    def __init__(self, personas: Path) -> None:
        self._personas = personas
        self._left: dict[str, Iterator[str]] = {}

    def _posts(self, author: str) -> Iterator[str]:
        seen: set[str] = set()
        with gzip.open(self._personas / f"{author}.jsonl.gz", "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                text = row["text"]
                is_own = (
                    not row["is_retweet"]
                    and not row.get("truncated")
                    and not text.startswith("RT @")
                )
                words = [word for word in text.split() if not re.search("http|@|#", word)]
                if is_own and text not in seen and len(words) >= 3:
                    seen.add(text)
                    yield text

    def take(self, authors: Sequence[str], count: int) -> list[str]:
        """Return the next posts of these authors, in their order."""
        found: list[str] = []
        for author in authors:
            left = self._left.setdefault(author, self._posts(author))
            found += [text for _, text in zip(range(count - len(found)), left, strict=False)]
        assert len(found) == count, f"{', '.join(authors)}: {len(found)} posts, of {count}"
        return found


def archive(
    folder: Path, name: str, avatar: str, counts: Sequence[int], supply: PostSupply
) -> Path:
    """Write the archive of a card's author and return its path.

    It has as many own posts, reposts and short posts as the card says, shuffled.

    Args:
        folder: The folder to write to.
        name: The author's display name.
        avatar: The address of the author's picture.
        counts: The numbers in the order of `ROWS`.
        supply: The posts to use in place of the author's.
    """
    handle, stand_ins = AUTHORS[name]
    downloaded, reposts, short, kept = counts
    assert downloaded == reposts + short + kept, name
    words = iter(supply.take(stand_ins, kept))
    kinds = ["own"] * kept + ["repost"] * reposts + ["short"] * short
    random.Random(handle).shuffle(kinds)
    texts = {
        "own": lambda _: next(words),
        "repost": "RT @gull: number {} of what somebody else said".format,
        "short": "@gull so true https://t.co/{:010d}".format,
    }
    tweets = [tweet(texts[kind](number), number) for number, kind in enumerate(kinds)]
    files = archive_files(tweets, handle=handle, name=name, profile=profile(avatar))
    files[f"data/profile_media/{ACCOUNT}-{avatar.rpartition('/')[2]}"] = portrait(handle)
    return write_zip(folder / f"{handle}.zip", files)


def portrait(handle: str) -> bytes:
    """Return a JPEG to stand for a photograph: hills and a sun, derived from the handle."""
    sk = skia()
    rng = random.Random(handle)
    side = 400
    colours = [0xFF000000 | colour_of(handle + str(layer)) for layer in range(3)]
    surface = sk.Surface(side, side)
    with surface as canvas:
        sky = sk.GradientShader.MakeLinear([(0, 0), (0, 300)], [colours[0], 0xFFF7E3C4])
        canvas.drawPaint(sk.Paint(Shader=sky))
        canvas.drawCircle(
            rng.randrange(110, 290),
            rng.randrange(120, 190),
            rng.randrange(40, 70),
            sk.Paint(Color=0xFFFFF3D6, AntiAlias=True),
        )
        for colour, height in zip(colours[1:], (210, 270), strict=True):
            middle = rng.randrange(0, side)
            canvas.drawOval(
                sk.Rect.MakeXYWH(middle - 330, height, 660, 520),
                sk.Paint(Color=colour, AntiAlias=True),
            )
    return bytes(surface.makeImageSnapshot().encodeToData(sk.kJPEG, 90))


# the comparison


@dataclass(frozen=True)
class Promise:
    """Something that the originals have."""

    what: str
    theirs: str  # an expression that finds it in the original
    ours: str = ""  # an expression that finds it, or its replacement, in ours
    instead: str = ""  # what ours has instead, or why it has nothing

    def kept(self, card: str) -> str:
        """Return how our card keeps the promise."""
        if not self.ours:
            return f"left out: {self.instead}"
        if not re.search(self.ours, card, re.MULTILINE):
            return MISSING
        return f"instead: {self.instead}" if self.instead else "as there"


MISSING = "MISSING"


def promises(seed: Seed) -> list[Promise]:
    """Return everything that the original has, from its first line to its last."""
    names = re.escape(" & ".join(seed.authors))
    handles = [AUTHORS[author][0] for author in seed.authors]
    each = len(seed.authors)
    return [
        Promise("language", r"^language: en", r"^language:\n- \"en\""),
        Promise(
            "thumbnail",
            r"^thumbnail: http",
            r"^thumbnail: \"card\.png\"",
            "the picture's file beside the card, not on a server",
        ),
        Promise("tag huggingtweets", r"^- huggingtweets", r"^- huggingtweets"),
        Promise("widget", r"^- text: \"My dream is\"", r"^- text: My dream is"),
        Promise(
            "avatars side by side",
            rf"(?s)(?:background-image: url.*?){{{each}}}",
            rf"(?:<img src=\"images/avatar-[^>]+>\n){{{each}}}",
            "files beside the card: no server is asked when it is read",
        ),
        Promise(
            "AI Bot or AI CYBORG",
            "🤖 AI Bot|🤖 AI CYBORG 🤖",
            "🤖 AI CYBORG 🤖" if each > 1 else "🤖 AI BOT 🤖",
        ),
        Promise("display names, joined by &", names, rf"^<h1>{names}</h1>"),
        Promise(
            "handle",
            f">@{seed.name}",
            " · ".join(f"@{handle}" for handle in handles),
            "each author's own, not one made from all",
        ),
        Promise("made with", r"I was made with", r"^It was made with \[?Popinjay"),
        Promise(
            "make your own: the demo",
            r"the demo\]\(https://colab",
            r"^popinjay make your-archive\.zip",
            "how to install it, and one command on the user's machine",
        ),
        Promise(
            "the pipeline's picture",
            r"!\[pipeline\]\(https",
            r"^!\[.*\]\(images/pipeline\.png\)",
            "a file beside the card, of the stages that were run",
        ),
        Promise(
            "a report on how it was developed",
            r"\[W&B report\]",
            r"^\| Optimizer \|",
            "this run's own numbers",
        ),
        Promise(
            "trained on the posts of",
            r"trained on (?:\[@|tweets from)",
            "trained on posts of "
            + ", ".join(rf"\[.+\]\(https://x\.com/{handle}\)" for handle in handles),
        ),
        Promise("training-data table", r"^\| Tweets kept \|", r"^\| Posts kept \|"),
        Promise(
            "explore the data",
            r"\[Explore the data\]",
            r"^\| `posts\.jsonl` \| `[0-9a-f]{64}`",
            "hashes; the posts stay with their holder",
        ),
        Promise(
            "versions at every step",
            r"\[W&B artifacts\]",
            r"^\| `train\.jsonl` \| `[0-9a-f]{64}`",
            "a hash of every step's file (popinjay lineage shows them)",
        ),
        Promise(
            "base model",
            r"pre-trained \[GPT-2\]",
            r"based on Popinjay's built-in base model",
            "the base that was used here; with GPT-2, its link",
        ),
        Promise(
            "hyper-parameters and metrics",
            r"\[W&B training run\]",
            r"^\| Peak learning rate \|",
            "a table in the card; every step is in metrics.jsonl",
        ),
        Promise(
            "the final model, versioned",
            r"\[the final model\]",
            r"^\| `model`.*\| `[0-9a-f]{64}`",
            "the hash of its files",
        ),
        Promise(
            "how to use",
            r"pipeline\('text-generation'",
            rf"pipeline\(\"text-generation\", model=\"{seed.name}/model\"\)",
        ),
        Promise(
            "five to My dream is",
            r"generator\(\"My dream is\", num_return_sequences=5\)",
            r"generator\(\"My dream is\", num_return_sequences=5\)",
        ),
        Promise(
            "limitations of the base",
            r"the same limitations and bias as GPT-2",
            r"the same limitations and bias as its base model",
        ),
        Promise(
            "the posts affect the text", r"further affects the text", r"further affects the text"
        ),
        Promise(
            "who built it",
            r"Built by Boris Dayma",
            r"HuggingTweets\]\(.*\) by Boris Dayma",
            "credit to what it descends from",
        ),
        Promise(
            "badges: follow, stars",
            r"img\.shields\.io",
            "",
            "images from a third party's server, which would learn who reads the card",
        ),
        Promise(
            "the project's address",
            r"visit the project repository",
            "",
            "a link at the top and the end, once whoever hosts the project has set its address",
        ),
    ]


MORE = {  # what the originals lack
    "licence": r"^license: ",
    "task and library as keys": r"^pipeline_tag: .*\nlibrary_name: ",
    "model-index for the hub": r"^model-index:",
    "the picture in the card": r"^!\[.*\]\(card\.png\)",
    "that the author did not say it": r"never said it",
    "further drops, posts used": r"^\| Posts used \|",
    "how short posts are counted": r"^Downloaded − reposts − short posts = posts kept",
    "personal data masked": r"^neither link.* was masked",
    "posts held out": r"were held out",
    "hashes of files and model": r"^\| File \| SHA-256 \|",
    "time, device, seed, versions": r"^\| Software \|",
    "the same from a shell": r"^popinjay say ",
    "evaluation": r"^\| Bits per byte on .* held-out posts",
    "copying, beside the authors' own": r"^\| Copies a whole post",
    "ten posts, unselected": r"^## Ten posts, unselected",
    "whose words": r"the posts of a public figure, without their involvement",
    "how to have it removed": r"^Are you .*, or do you recognize your own words",
}


def compare(seed: Seed, folder: Path) -> bool:
    """Print both cards side by side; return whether the tables agree and no promise is missing."""
    card = html.unescape((folder / "README.md").read_text(encoding="utf-8"))
    ours, theirs = table(card), table(seed.text)
    is_same = ours[0] == theirs[0] and [row[1:] for row in ours[1:5]] == [
        row[1:] for row in theirs[1:]
    ]
    print(f"\n{seed.name}: {folder / 'README.md'}, {folder / 'card.png'}\n")
    width = max(len(cell) for row in ours + theirs for cell in row)
    empty: list[str] = []
    for one, other in zip_longest(theirs, ours, fillvalue=empty):
        print(" | ".join(f"{cell:<{width}}" for cell in [*(one or [""] * len(ours[0])), *other]))
    print(f"the original's table, on the left, has {'' if is_same else 'NOT '}the same numbers\n")
    rows = [
        (one.what, one.kept(card))
        for one in promises(seed)
        if re.search(one.theirs, seed.text, re.MULTILINE)
    ]
    rows += [
        (what, "more" if re.search(found, card, re.MULTILINE) else "not in this card")
        for what, found in MORE.items()
    ]
    for what, kept in rows:
        print(f"{what:<34} {kept}")
    return is_same and all(kept != MISSING for _, kept in rows)


def remake(seed: Seed, work: Path, supply: PostSupply, training: dict[str, Any]) -> Path:
    """Make the persona of a card's authors with these training options; return its folder."""
    (work / "archives").mkdir(parents=True, exist_ok=True)
    made = zip(seed.authors, seed.avatars, seed.columns, strict=True)
    archives = [
        archive(work / "archives", name, avatar, counts, supply) for name, avatar, counts in made
    ]
    return popinjay.make(
        *archives,
        home_folder=work / "personas",
        base="builtin",
        whose="public-figure",
        track="none",
        listener=report,
        **training,
    ).path


def report(event: Event) -> None:
    """Print what is being done, and what is done."""
    if event.what in (
        EventKind.START,
        EventKind.FRESH,
        EventKind.NOTE,
        EventKind.WARNING,
        EventKind.DONE,
    ):
        print(f"{event.stage}: {event.what.value} {event.message}", file=sys.stderr, flush=True)


def main() -> None:
    """Make and compare all cards; exit with status 1 if one is not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seeds", type=Path, required=True, help="a folder of original cards, NAME.txt"
    )
    parser.add_argument(
        "--personas",
        type=Path,
        required=True,
        help="a folder of NAME.jsonl.gz, posts of one author each",
    )
    parser.add_argument("--work", type=Path, required=True, help="a folder for the results")
    parser.add_argument(
        "--epochs",
        type=float,
        help="fewer epochs, to see the cards sooner; default: popinjay's own",
    )
    args = parser.parse_args()
    supply = PostSupply(args.personas)
    training = {} if args.epochs is None else {"epochs": args.epochs}
    seeds = [Seed.of(file) for file in sorted(args.seeds.glob("*.txt"))]
    folders = [remake(seed, args.work, supply, training) for seed in seeds]
    alike = [compare(seed, folder) for seed, folder in zip(seeds, folders, strict=True)]
    if not all(alike):
        sys.exit(1)


if __name__ == "__main__":
    main()
