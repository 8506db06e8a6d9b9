"""The report in words. The thresholds are set down in docs/decisions/18-report.md."""

from __future__ import annotations

from popinjay.metrics.attribution import LEAST_OTHERS
from popinjay.metrics.measure import AUTHOR, BASE, PERSONA
from popinjay.metrics.two_sample_test import EARLIER
from popinjay.report.people import People, people
from popinjay.report.schema import PostCounts, Report

MIN_POSTS = (
    20  # a side: with fewer, a classifier or a reader of single posts does no better than chance
)
FEW_POSTS = 100  # held-out posts; with fewer of them every comparison is rough
TOLD_APART = (  # up to which AUC, and how often a program can tell
    (0.6, "seldom"),
    (0.75, "sometimes"),
    (0.9, "usually"),
    (1.01, "nearly always"),
)
MARGIN = 0.03  # of AUC: a lead no larger than this counts as none
SAME_AUTHOR_AUC = 0.6  # of newest against older posts, up to which an author has hardly changed
MUCH_COPYING = 0.2  # of its posts: style says little about what was copied
INVENTED_MARGIN = 0.01  # of words: a share no larger than the author's and this counts as equal
MANY_INVENTED = 0.03  # of words beyond the author's: a reader meets one every few posts


def plain_verdict(report: Report) -> str:
    """Return two or three sentences that need no statistics.

    They say how well a program tells the persona's posts from the author's by style, how much it
    copies, and how many of its words do not exist. What was not measured is left out. With too few
    posts they say why no verdict can be given.
    """
    who = authors_of(report)
    if said := _too_few(report.posts, who):
        return said
    if _copies_much(report):
        sentences = (_copying(report, who), _style_of_a_copy(report, who), _words(report, who))
    else:
        sentences = (_style(report, who), _copying(report, who), _words(report, who))
    return " ".join(filter(None, sentences)) or "It has not been measured yet."


def short_verdict(report: Report) -> str:
    """Return the verdict in at most five words, for lists; empty if nothing was measured."""
    if _too_few(report.posts, authors_of(report)):
        return "Too few posts to judge"
    if _copies_much(report):
        return "Copies much of its source"
    if (often := _often(report)) is not None:
        return f"{'perhaps' if _may_be_chance(report) else often} told by style".capitalize()
    if report.measure("told_apart").get(PERSONA) is None:
        return ""
    if _invented(report) > MANY_INVENTED:
        return "Right style, invented words"
    return "Style like the author's"


def authors_of(report: Report) -> People:
    """Return how sentences name the authors of a persona."""
    scored = [name for name in report.bits_per_byte.persona if name != "all"]
    return people(report.authors, several=len(scored) > 1)


def can_be_given(report: Report) -> bool:
    """Return whether there are enough posts to compare the persona with its author."""
    return not _too_few(report.posts, authors_of(report))


def _too_few(posts: PostCounts, who: People) -> str:
    """Return of what there is too little; empty for nothing."""
    held_out = MIN_POSTS if posts.held_out is None else posts.held_out
    samples = MIN_POSTS if posts.samples is None else posts.samples
    if held_out < MIN_POSTS:
        verb = "was" if held_out == 1 else "were"
        return (
            f"Too few posts to judge: only {held_out:,} of {who.possessive} {verb} held out to "
            f"compare with, and it takes {MIN_POSTS}. More posts, or a larger --held-out, give a "
            "verdict."
        )
    if samples < MIN_POSTS:
        verb = "was" if samples == 1 else "were"
        return (
            f"Too few posts to judge: only {samples:,} {verb} written to be measured, and it takes "
            f"{MIN_POSTS}. --samples 1000 gives a verdict."
        )
    return ""


def _control(report: Report) -> tuple[str, float]:
    """Return which posts of the author are told from the newest best, and the AUC of that.

    Held-out posts are the newest, if posts have dates. What the author wrote before is all that a
    model could learn, so no persona could reach less than the AUC of the older posts, or of two
    halves of the newest.
    """
    told_apart = report.measure("told_apart")
    found = {one: told_apart.get(one) for one in (AUTHOR, EARLIER)}
    known = {one: number.value for one, number in found.items() if number}
    source = max(known, key=lambda one: known[one], default=AUTHOR)
    return source, max(0.5, known.get(source, 0.5))


def _often(report: Report) -> str | None:
    """Return how often a program tells the persona; None if not more often than it should."""
    found = report.measure("told_apart").get(PERSONA)
    if found is None or found.value <= _control(report)[1] + MARGIN:
        return None
    return next(words for most, words in TOLD_APART if found.value < most)


def _style(report: Report, who: People) -> str:
    """Return the sentence about style. A share of a half or less is told as guessing."""
    found = report.measure("told_apart").get(PERSONA)
    if found is None:
        return ""
    often, right = _often(report), f"it was right {_times(found.value)}"
    source, reachable = _control(report)
    beside = "; guessing is right 50 times"
    if has_control := reachable > SAME_AUTHOR_AUC:
        beside = f", and {_in_100(reachable)} {_task(source, who)}"
    if often and _may_be_chance(report):
        return (
            f"By style alone, a program can perhaps tell it from {who.name}: {right}{beside}; "
            "the difference may be chance, and more held-out posts would tell."
        )
    if often:
        can = "can only seldom" if often == "seldom" else f"can {often}"
        return f"By style alone, a program {can} tell it from {who.name}: {right}{beside}."
    if has_control:
        return (
            f"By style alone, a program can't tell it from {who.name} any better than "
            f"{who.possessive} own posts from one another: {right}{beside}."
        )
    if found.value <= 0.5 + MARGIN:
        right, beside = "it did no better than guessing", ""
    return f"By style alone, a program can't tell it from {who.name}: {right}{beside}."


def _task(source: str, who: People) -> str:
    """Return what the program had to do with posts of the author alone."""
    if source == EARLIER:  # the newest, if they have dates
        return f"when it had to tell {who.possessive} set-aside posts from the others"
    return f"when it had to tell two halves of {who.possessive} posts apart"


def _style_of_a_copy(report: Report, who: People) -> str:
    """Return what style is worth if much is copied."""
    if report.measure("told_apart").get(PERSONA) is None:
        return ""
    often = _often(report)
    can = "can't" if often is None else f"can {often}"
    if often and _may_be_chance(report):
        can = "can perhaps"
    why = ", but copies have their author's style" if often in (None, "seldom") else ""
    return f"By style alone, a program {can} tell it from {who.name}{why}."


def _copies_much(report: Report) -> bool:
    found, own = (report.measure("copying").get(one, "run") for one in (PERSONA, AUTHOR))
    if found is None or found.value < MUCH_COPYING:
        return False
    return own is None or (found.value > own.value and found.apart_from(own))


def _copying(report: Report, who: People) -> str:
    """Return the sentence about copying: runs of eight words, the author's own beside."""
    found, own = (report.measure("copying").get(one, "run") for one in (PERSONA, AUTHOR))
    if found is None:
        return ""
    if not found.value:
        return "None of its posts repeats eight words in a row of a post that it learnt."
    posts = f"{_share(found.value)} of its posts repeat eight words in a row of one that it learnt"
    if own is None:
        return f"{posts[0].upper()}{posts[1:]}."
    if found.value > own.value and found.apart_from(own):
        return (
            f"It copies more than {who.name} {who.do}: {posts}, and {_share(own.value)} of "
            f"{who.possessive} own new ones."
        )
    if found.value <= own.value and found.apart_from(own):
        return f"It repeats older posts less than {who.name} {who.do}."
    return f"It repeats older posts about as much as {who.name} {who.do}."


def _words(report: Report, who: People) -> str:
    """Return the sentence about words that do not exist; empty if they were not measured."""
    found, own = (report.measure("non_words").get(one) for one in (PERSONA, AUTHOR))
    if found is None or own is None:
        return ""
    if _invented(report) <= INVENTED_MARGIN:
        return f"It makes up no more words than {who.name}."
    return (
        f"Words that do not exist: {_share(found.value)} of its words; {who.name}: "
        f"{_share(own.value)}."
    )


def _invented(report: Report) -> float:
    """Return by how much its share of words that do not exist is above the author's."""
    found, own = (report.measure("non_words").get(one) for one in (PERSONA, AUTHOR))
    return found.value - own.value if found and own else 0.0


def _times(share: float) -> str:
    return f"{_in_100(share)} times in 100"


def _in_100(share: float) -> str:
    """Return a share as a number in 100, never as all of them."""
    return "more than 99" if share > 0.995 else f"{share * 100:.0f}"


def _share(share: float) -> str:
    """Return a share as so many in 100."""
    if not share:
        return "none"
    if share < 0.005:
        return "fewer than 1 in 100"
    return f"{_in_100(share)} in 100"


def notes(report: Report) -> tuple[str, ...]:
    """Return what a reader should bear in mind."""
    told_apart, taken_for = report.measure("told_apart"), report.measure("taken_for")
    count = report.posts.held_out or 0
    found = []
    if MIN_POSTS <= count < FEW_POSTS:
        found.append(
            f"Only {count:,} of the author's posts were held out to compare with: intervals are "
            "wide, and a small difference means nothing."
        )
    if (alike := taken_for.counts["same_language"]) < LEAST_OTHERS:
        found.append(
            f"Only {alike} of the {taken_for.counts['others']} other authors write in this "
            "language: being taken for the author is easy here."
        )
    if report.measure("privacy").counts["in_training"]:
        found.append(
            "It writes personal data that stood in the posts it learnt. What leaves this machine "
            "through popinjay never holds any."
        )
    if BASE not in told_apart.sources:
        found.append(
            "The base model is not on this machine any more: it could not be measured beside."
        )
    if "non_words" in report.measures and not report.measure("non_words").sources:
        found.append(report.measure("non_words").what)
    return tuple(found)


def _may_be_chance(report: Report) -> bool:
    """Return whether the interval of the persona's AUC contains what could be reached."""
    found = report.measure("told_apart").get(PERSONA)
    return found is not None and found.low < found.value and found.low <= _control(report)[1]
