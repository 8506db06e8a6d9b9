"""What the X API costs, on which condition it is sold, and how somebody is asked whether they want that."""

from __future__ import annotations

from popinjay.errors import SpecError
from popinjay.events import Event, EventKind
from popinjay.sources import FETCH, Access

# X's price list as of PRICES_OF, in thousandths of a dollar.
PRICES_OF = "August 2026"
POST_PRICE = 5
ACCOUNT_PRICE = 10
OWN_POST_PRICE = 1  # where the account is that of the app's owner

CLAUSE = 'You shall not "use the X API or X Content to fine-tune or train a foundation or frontier model"'
CLAUSE_IN = "X Developer Agreement, section III.A(k), docs.x.com/developer-terms/agreement"
ARCHIVE = "Your own archive costs nothing: x.com/settings/download_your_data"


def price(posts: int, each: int = POST_PRICE) -> int:
    """What so many posts of one account cost, in thousandths of a dollar."""
    return posts * each + ACCOUNT_PRICE


def dollars(thousandths: int) -> str:
    """A price as people write it, rounded up."""
    return f"${-(-thousandths // 10) / 100:,.2f}"


def costs(handle: str, posts: int) -> str:
    """What it costs at most to read so many posts of an account, as a sentence."""
    return (
        f"Reading @{handle} from the X API costs up to {dollars(price(posts))}: {posts:,} posts at ${POST_PRICE / 1000:.3f} and the account "
        f"at ${ACCOUNT_PRICE / 1000:.3f}, at X's prices of {PRICES_OF} ({dollars(price(posts, OWN_POST_PRICE))} where account and app are both yours)."
    )


def agree(handle: str, there: int, access: Access) -> None:
    """Show price and condition, and see that somebody agrees; `there` posts are here already. Raises SpecError where nobody does."""
    options = access.options
    paragraphs = [f"{costs(handle, options.x_posts)} --x-posts asks for fewer."]
    if there and options.prune:
        paragraphs.append(f"--prune buys posts again that are here already, {there:,} of them.")
    elif there:
        paragraphs.append(
            f"The {there:,} posts that are here are not bought again: it costs that much only where so many others are new."
        )
    if not access.keeps:
        paragraphs.append(
            "inspect keeps nothing: make has to buy them again. X means to charge for a post once a day only, but does not promise it."
        )
    paragraphs.append(
        f"X sells them on a condition: {CLAUSE} ({CLAUSE_IN}). Whether a persona breaks it is yours to judge. {ARCHIVE}."
    )
    if options.i_have_the_right:
        for paragraph in paragraphs:
            access.listener(Event(FETCH, EventKind.NOTE, paragraph))
    elif access.ask is None:
        raise SpecError(
            f"{paragraphs[0]} {CLAUSE} ({CLAUSE_IN}). Nobody is here to be asked, so nothing was sent.",
            f"--i-have-the-right says that you may, and pay. {ARCHIVE}.",
        )
    elif not access.ask(
        "\n".join(
            [
                *paragraphs,
                "Do you have the right to train on these posts, and want to pay for them?",
            ]
        )
    ):
        raise SpecError("Without a yes, nothing was asked of the X API.", f"{ARCHIVE}.")
