"""Cards of HuggingTweets made again by popinjay, and held against the originals: the table, number for number, and every promise.

    python bench/seeds.py --seeds FOLDER --personas FOLDER --work FOLDER

For every author of a card in `--seeds` an X archive is built with the card's counts, its name, handle and avatar's address. The
words are real posts of other people, from `--personas`; reposts and short posts only have to count as such. A persona is made of
them on the built-in base. Exits with 1 where a table differs or something promised is neither there nor replaced. What is made
stays in `--work`: the archives, and `personas/NAME` with the card and its picture. A second run makes only what is stale.
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
from popinjay.picture.composition import colour_of
from popinjay.picture.typeset import skia

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from archives import ACCOUNT, archive_files, profile, tweet, write_zip

# The authors of the cards: their handle, and whose posts stand in for theirs, the next where one's are used up.
AUTHORS = {
    "Christopher Parsons": ("karchitecture", ["wl_juliagillard"]),
    "Stephen King": ("stephenking", ["pepys"]),
    "University of OnFoeNem 🇭🇹": ("uofofn", ["pd_bierce", "pepys"]),
    "Karlous": ("karlousm", ["wl_obamawhitehouse"]),
    "Barack Obama": ("barackobama", ["wl_barackobama", "wl_obamawhitehouse"]),
}
ROWS = (
    "Tweets downloaded",
    "Retweets",
    "Short tweets",
    "Tweets kept",
)  # as the originals name them


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
        text = mended(file.read_text(encoding="utf-8"))
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
            [[int(row[place]) for row in rows] for place in range(1, len(head))],
        )


def mended(text: str) -> str:
    """The text as it was before its UTF-8 was taken for Windows-1252, and the soft hyphens in that lost."""
    taken = text.encode("cp1252")
    return re.sub(rb"\xf0\x9f\x87(?![\x80-\xbf])", b"\xf0\x9f\x87\xad", taken).decode("utf-8")


def table(card: str) -> list[list[str]]:
    """The cells of a card's table of training data, without the line under its head."""
    lines = re.search(r"^\| Data \|.*(?:\n\|.*)+", card, re.MULTILINE)
    assert lines
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()]
    return [rows[0], *rows[2:]]


# archives with the cards' counts


class Voices:
    """Real posts by author, whole and long enough to be kept. Each is handed out once."""

    def __init__(self, personas: Path) -> None:
        self._personas = personas
        self._left: dict[str, Iterator[str]] = {}

    def _posts(self, author: str) -> Iterator[str]:
        seen = set()
        with gzip.open(self._personas / f"{author}.jsonl.gz", "rt", encoding="utf-8") as file:
            for row in map(json.loads, file):
                text = row["text"]
                is_own = (
                    not row["is_retweet"]
                    and not row.get("truncated")
                    and not text.startswith("RT @")
                )
                if (
                    is_own
                    and text not in seen
                    and sum(not re.search("http|@|#", word) for word in text.split()) >= 3
                ):
                    seen.add(text)
                    yield text

    def take(self, authors: Sequence[str], count: int) -> list[str]:
        """The next posts of these authors, in their order."""
        taken: list[str] = []
        for author in authors:
            left = self._left.setdefault(author, self._posts(author))
            taken += [text for _, text in zip(range(count - len(taken)), left, strict=False)]
        assert len(taken) == count, f"{', '.join(authors)}: {len(taken)} posts, of {count}"
        return taken


def archive(folder: Path, name: str, avatar: str, counts: Sequence[int], voices: Voices) -> Path:
    """The archive of an author of a card: as many own posts, reposts and short posts, mixed, from the oldest to the newest."""
    handle, stand_ins = AUTHORS[name]
    downloaded, reposts, short, kept = counts
    assert downloaded == reposts + short + kept, name
    words = iter(voices.take(stand_ins, kept))
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
    """A picture to stand for a photograph: hills and a sun, in colours and places that follow from the handle."""
    sk, rng, side = skia(), random.Random(handle), 400
    colours = [colour_of(handle + str(layer)) for layer in range(3)]
    surface = sk.Surface(side, side)
    with surface as canvas:
        canvas.drawPaint(
            sk.Paint(
                Shader=sk.GradientShader.MakeLinear([(0, 0), (0, 300)], [colours[0], 0xFFF7E3C4])
            )
        )
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
    """Something that the originals have, found there and in ours by an expression, and what ours has in its place, or why it has nothing."""

    what: str
    theirs: str
    ours: str = ""
    instead: str = ""

    def kept(self, card: str) -> str:
        """How ours keeps it."""
        if not self.ours:
            return f"left out: {self.instead}"
        if not re.search(self.ours, card, re.MULTILINE):
            return MISSING
        return f"instead: {self.instead}" if self.instead else "as there"


MISSING = "MISSING"


def promises(seed: Seed) -> list[Promise]:
    """All that the original promises, from its first line to its last."""
    names, handles = (
        re.escape(" & ".join(seed.authors)),
        [AUTHORS[author][0] for author in seed.authors],
    )
    each = len(seed.authors)
    return [
        Promise("language", r"^language: en", r"^language:\n- \"en\""),
        Promise(
            "thumbnail",
            r"^thumbnail: http",
            r"^thumbnail: \"card\.png\"",
            "the picture's file beside the card, on nobody's server",
        ),
        Promise("tag huggingtweets", r"^- huggingtweets", r"^- huggingtweets"),
        Promise("widget", r"^- text: \"My dream is\"", r"^- text: My dream is"),
        Promise(
            "avatars side by side",
            rf"(?s)(?:background-image: url.*?){{{each}}}",
            rf"(?:<img src=\"https://pbs\.twimg\.com/[^>]+>\n){{{each}}}",
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
            "each author's own, none made up of several",
        ),
        Promise("made with", r"I was made with", r"^It was made with popinjay"),
        Promise(
            "make your own: the demo",
            r"the demo\]\(https://colab",
            r"^popinjay make your-archive\.zip",
            "one command, on one's own machine",
        ),
        Promise(
            "the pipeline's picture",
            r"!\[pipeline\]\(https",
            r"^```mermaid\nflowchart",
            "a drawing in the card itself, of the stages that were run",
        ),
        Promise(
            "a report on how it was developed",
            r"\[W&B report\]",
            r"^\| Optimiser \|",
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
            "hashes; the posts stay with who holds them",
        ),
        Promise(
            "versions at every step",
            r"\[W&B artifacts\]",
            r"^\| `train\.jsonl` \| `[0-9a-f]{64}`",
            "a hash of every step's file (popinjay lineage draws them)",
        ),
        Promise(
            "base model",
            r"pre-trained \[GPT-2\]",
            r"based on popinjay's built-in base model",
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
            "pictures from somebody's server, which see who reads the card",
        ),
        Promise(
            "the project's address", r"visit the project repository", "", "popinjay has none yet"
        ),
    ]


MORE = {  # what the originals have not
    "licence": r"^license: ",
    "task and library as keys": r"^pipeline_tag: .*\nlibrary_name: ",
    "model-index for the hub": r"^model-index:",
    "the picture in the card": r"^!\[.*\]\(card\.png\)",
    "that nobody said it": r"never said it",
    "further drops, posts used": r"^\| Posts used \|",
    "how short posts are told": r"^Downloaded − reposts − short posts = posts kept",
    "personal data masked": r"^neither link.* was masked",
    "posts held out": r"were held out and never seen",
    "hashes of files and model": r"^\| File \| SHA-256 \|",
    "time, device, seed, versions": r"^\| Software \|",
    "the same from a shell": r"^popinjay say ",
    "evaluation": r"^\| Bits per byte on .* held-out posts",
    "copying, beside the authors' own": r"^\| Exact copies of training posts",
    "whose words": r"the posts of a public figure, without their involvement",
    "how to have it removed": r"^Are you .*, or do you know your words in it",
}


def compare(seed: Seed, folder: Path) -> bool:
    """Show both cards side by side; whether the table is the same and no promise is missing."""
    card = html.unescape((folder / "README.md").read_text(encoding="utf-8"))
    ours, theirs = table(card), table(seed.text)
    is_same = ours[0] == theirs[0] and [row[1:] for row in ours[1:5]] == [
        row[1:] for row in theirs[1:]
    ]
    print(f"\n{seed.name}: {folder / 'README.md'}, {folder / 'card.png'}\n")
    width = max(len(cell) for row in ours + theirs for cell in row)
    for one, other in zip_longest(theirs, ours, fillvalue=[]):
        print(" | ".join(f"{cell:<{width}}" for cell in [*(one or [""] * len(ours[0])), *other]))
    print(
        f"the original's table, to the left, is {'' if is_same else 'NOT '}ours, number for number\n"
    )
    rows = [
        (one.what, one.kept(card))
        for one in promises(seed)
        if re.search(one.theirs, seed.text, re.MULTILINE)
    ]
    rows += [
        (what, "more" if re.search(found, card, re.MULTILINE) else "nothing of it here")
        for what, found in MORE.items()
    ]
    for what, kept in rows:
        print(f"{what:<34} {kept}")
    return is_same and all(kept != MISSING for _, kept in rows)


def remake(seed: Seed, work: Path, voices: Voices, training: dict[str, Any]) -> Path:
    """The folder of the persona of this card's authors, made with these options of the training."""
    (work / "archives").mkdir(parents=True, exist_ok=True)
    made = zip(seed.authors, seed.avatars, seed.columns, strict=True)
    archives = [
        archive(work / "archives", name, avatar, counts, voices) for name, avatar, counts in made
    ]
    return popinjay.make(
        *archives,
        home_folder=work / "personas",
        base="builtin",
        whose="public-figure",
        track="none",
        listener=tell,
        **training,
    ).path


def tell(event: Event) -> None:
    """What is being done, and what was."""
    if event.what in (
        EventKind.START,
        EventKind.FRESH,
        EventKind.NOTE,
        EventKind.WARNING,
        EventKind.DONE,
    ):
        print(f"{event.stage}: {event.what.value} {event.message}", file=sys.stderr, flush=True)


def main() -> None:
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
    parser.add_argument("--work", type=Path, required=True, help="where what is made is kept")
    parser.add_argument(
        "--epochs",
        type=float,
        help="to see the cards sooner, of less trained models; by default popinjay's own",
    )
    args = parser.parse_args()
    voices, training = Voices(args.personas), {} if args.epochs is None else {"epochs": args.epochs}
    seeds = [Seed.of(file) for file in sorted(args.seeds.glob("*.txt"))]
    folders = [remake(seed, args.work, voices, training) for seed in seeds]
    alike = [compare(seed, folder) for seed, folder in zip(seeds, folders, strict=True)]
    if not all(alike):
        sys.exit(1)


if __name__ == "__main__":
    main()
