"""What the X API costs, on which condition it is sold, and the user's consent to both."""

from __future__ import annotations

from popinjay.errors import SpecError
from popinjay.events import Event, EventKind
from popinjay.sources import FETCH, Access

# X's price list as of PRICES_OF, in thousandths of a dollar.
PRICES_OF = "August 2026"
POST_PRICE = 5
ACCOUNT_PRICE = 10
OWN_POST_PRICE = 1  # if the account belongs to the app's owner

CLAUSE = (
    'You shall not "use the X API or X Content to fine-tune or train a foundation or frontier '
    'model"'
)
CLAUSE_IN = "X Developer Agreement, section III.A(k), docs.x.com/developer-terms/agreement"
ARCHIVE = "Your own archive costs nothing: x.com/settings/download_your_data"


def price(posts: int, each: int = POST_PRICE) -> int:
    """Return the cost of an account and some of its posts, in thousandths of a dollar."""
    return posts * each + ACCOUNT_PRICE


def dollars(thousandths: int) -> str:
    """Format a price, rounded up to cents."""
    return f"${-(-thousandths // 10) / 100:,.2f}"


def costs(handle: str, posts: int) -> str:
    """Describe the most that reading some posts of an account can cost."""
    return (
        f"Reading @{handle} from the X API costs up to {dollars(price(posts))}: {posts:,} posts at "
        f"${POST_PRICE / 1000:.3f} and the account at ${ACCOUNT_PRICE / 1000:.3f}, at X's prices "
        f"of {PRICES_OF} ({dollars(price(posts, OWN_POST_PRICE))} if account and app are both "
        "yours)."
    )


def agree(handle: str, known: int, access: Access) -> None:
    """Show the price and the condition, and ask for consent.

    Args:
        handle: the account's name.
        known: the number of its posts that are here already.
        access: options, and how to reach the user.

    Raises SpecError without consent.
    """
    options = access.options
    paragraphs = _terms(handle, known, access)
    if options.i_have_the_right:
        for paragraph in paragraphs:
            access.listener(Event(FETCH, EventKind.NOTE, paragraph))
        return
    if access.ask is None:
        raise SpecError(
            f"{paragraphs[0]} {CLAUSE} ({CLAUSE_IN}). There is no terminal to ask for consent, so "
            "nothing was sent.",
            f"--i-have-the-right says that you have the right, and agree to pay. {ARCHIVE}.",
            page_hint=f"{ARCHIVE}. Posts that cost money are not bought from the page.",
        )
    question = "Do you have the right to train on these posts, and want to pay for them?"
    if not access.ask("\n".join([*paragraphs, question])):
        raise SpecError(
            "Without your consent, nothing was requested from the X API.", f"{ARCHIVE}."
        )


def _terms(handle: str, known: int, access: Access) -> list[str]:
    """Return paragraphs on the price and the condition, the price first."""
    paragraphs = [f"{costs(handle, access.options.x_posts)} --x-posts limits their number."]
    if known and access.options.prune:
        paragraphs.append(f"--prune buys the {known:,} posts that are here already once more.")
    elif known:
        paragraphs.append(
            f"The {known:,} posts that are here are not bought again: it costs that much only if "
            "there are as many new ones."
        )
    if not access.keeps:
        paragraphs.append(
            "inspect keeps nothing: make has to buy them again. X intends to charge for a post "
            "only once a day, but does not promise it."
        )
    paragraphs.append(
        f"X sells them on a condition: {CLAUSE} ({CLAUSE_IN}). Whether a persona violates it is "
        f"yours to judge. {ARCHIVE}."
    )
    return paragraphs
