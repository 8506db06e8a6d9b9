"""Upload pictures to Mastodon, with their text for people who don't see them."""

from __future__ import annotations

import time

from popinjay.bots.networks.mastodon_api import MastodonApi, error_in, multipart
from popinjay.bots.networks.pictures import read_picture
from popinjay.errors import NetworkError, PostingError
from popinjay.sources.json_values import as_object
from popinjay.sources.mastodon.posts import id_of

_MAX_BYTES = 16 * 2**20  # that Mastodon takes
_MAX_ALT = 1_500  # characters
_PROCESSING = 202
_TRIES = 20
_PAUSE = 1.0  # seconds between two looks whether it is ready


def upload(api: MastodonApi, path: str, alt: str) -> str:
    """Upload a picture and return its id, once a post can have it.

    Raises PostingError if the file is none that can be posted, NetworkError if that failed.
    """
    picture = read_picture(path, _MAX_BYTES)
    fields = {"description": alt[:_MAX_ALT]} if alt else {}
    body = multipart(fields, (picture.name, picture.kind, picture.data))
    response = api.send("POST", "/api/v2/media", body=body)
    if response.status in (413, 415, 422):
        said = error_in(response) or f"status {response.status}"
        raise PostingError(
            f"{api.host} refused the picture {picture.name}: {said.rstrip('.')}.",
            "Post without it, or with another one.",
        )
    api.expect(response, 200, _PROCESSING)
    try:
        id = id_of(as_object(response.value()).get("id"))
    except ValueError:
        id = ""
    if not id:
        raise NetworkError(f"{api.host} did not say how it keeps the picture.", "Try again later.")
    for _ in range(_TRIES if response.status == _PROCESSING else 0):
        if as_object(api.get(f"/api/v1/media/{id}")).get("url"):
            break
        time.sleep(_PAUSE)
    return id
