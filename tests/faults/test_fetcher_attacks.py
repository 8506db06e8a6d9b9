"""Tests of names, addresses and redirects that try to lead the HTTP client into a local network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from popinjay.cli.main import main
from popinjay.errors import NetworkError
from popinjay.network import connection, http_client
from popinjay.network.connection import TransientError
from popinjay.network.http_client import HttpClient, Response

PUBLIC, OTHER = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
PRIVATE = (
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "172.31.255.254",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
)


class Names:
    """A stand-in for name resolution: each name has its answers, one after another."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(found) for name, found in answers.items()}
        self.looked_up: list[str] = []

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.looked_up.append(host)
        found = self.answers[host]
        addresses = found.pop(0) if len(found) > 1 else found[0]
        kind = socket.SOCK_STREAM
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, kind, 6, "", (one, port))
            for one in addresses
        ]


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the addresses of all connection attempts; none of them answers."""
    found: list[str] = []

    def connect(self: Any) -> None:
        found.append(self.host)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("urllib3.connection.HTTPSConnection.connect", connect)
    monkeypatch.setattr("urllib3.connection.HTTPConnection.connect", connect)
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.0)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Names]:
    def known(**answers: list[list[str]]) -> Names:
        found = Names(**answers)
        monkeypatch.setattr(socket, "getaddrinfo", found)
        return found

    return known


@pytest.fixture
def asking() -> Iterator[HttpClient]:
    found = HttpClient()
    yield found
    found.close()


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("beside", [[], [PUBLIC], [OTHER, PUBLIC]], ids=["alone", "one", "two"])
def test_a_host_with_a_private_address_is_not_requested(
    asking: HttpClient,
    names: Callable[..., Names],
    reached: list[str],
    address: str,
    beside: list[str],
) -> None:
    """It is not asked at its public addresses either: such an answer is an attack."""
    names(social_example=[[*beside, address]])
    with pytest.raises(NetworkError, match="in a local network"):
        asking.get("https://social.example/api", retry=False)
    assert reached == []


def test_the_connection_uses_the_checked_address(
    asking: HttpClient, names: Callable[..., Names], reached: list[str]
) -> None:
    """A name is resolved once for each connection: a second answer would not be checked."""
    known = names(social_example=[[PUBLIC, OTHER], ["127.0.0.1"]])
    with pytest.raises(TransientError):
        connection.connect("https", "social.example", 443, allow_local=False)
    assert (reached, known.looked_up) == ([PUBLIC, OTHER], ["social.example"])


def test_a_host_that_becomes_private_between_retries_is_refused(
    asking: HttpClient, names: Callable[..., Names], reached: list[str]
) -> None:
    known = names(social_example=[[PUBLIC], [PUBLIC], ["192.168.1.1"]])
    with pytest.raises(NetworkError, match=r"192\.168\.1\.1"):
        asking.get("https://social.example/api")
    assert reached == [PUBLIC, PUBLIC]
    assert len(known.looked_up) == 3


# redirects


def moving(asking: HttpClient, monkeypatch: pytest.MonkeyPatch, *there: str) -> list[str]:
    """Answer each request with a redirect to the next of these; return what was requested."""
    asked: list[str] = []
    real = asking._request

    def answer(request: Any, most: int) -> Response:
        asked.append(request.url)
        if len(asked) > len(there):
            return real(request, most)
        return Response(request.url, 302, {"location": there[len(asked) - 1]}, b"")

    monkeypatch.setattr(asking, "_request", answer)
    return asked


@pytest.mark.parametrize("address", PRIVATE)
def test_a_redirect_to_a_private_host_is_not_followed(
    asking: HttpClient,
    names: Callable[..., Names],
    reached: list[str],
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    names(inside_example=[[address]])
    moving(asking, monkeypatch, "https://inside.example/admin")
    with pytest.raises(NetworkError, match="in a local network"):
        asking.get("https://social.example/", cross_host=True, retry=False)
    assert reached == []


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("https://127.0.0.1/", "in a local network"),
        ("https://[::1]/", "in a local network"),
        ("https://2130706433/", "in a local network|no server|not a web address|malformed"),
        ("https://0x7f.1/", "in a local network|no server|not a web address|malformed"),
        ("https://user:pass@10.0.0.1/", "in a local network"),
        ("//10.0.0.1/admin", "in a local network"),
        ("http://public.example/", "without encryption"),
        ("file:///etc/passwd", "without encryption|not a web address|malformed"),
        ("gopher://public.example/", "without encryption|not a web address|malformed"),
        ("https://public.example:0/", "not a web address|malformed"),
        ("https://public.example:99999/", "not a web address|malformed"),
    ],
)
def test_a_redirect_outside_of_the_web_is_not_followed(
    asking: HttpClient,
    names: Callable[..., Names],
    reached: list[str],
    monkeypatch: pytest.MonkeyPatch,
    there: str,
    said: str,
) -> None:
    names(public_example=[[PUBLIC]], **{"2130706433": [["127.0.0.1"]], "0x7f_1": [["127.0.0.1"]]})
    moving(asking, monkeypatch, there)
    with pytest.raises(NetworkError, match=said):
        asking.get("https://social.example/", cross_host=True, retry=False)
    assert reached == []


def test_every_redirect_of_a_chain_is_checked(
    asking: HttpClient,
    names: Callable[..., Names],
    reached: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names(third_example=[["10.9.8.7"]])
    second, third = "https://second.example/b", "https://third.example/c"
    asked = moving(asking, monkeypatch, second, third)
    with pytest.raises(NetworkError, match=r"10\.9\.8\.7"):
        asking.get("https://first.example/a", cross_host=True, retry=False)
    assert asked == ["https://first.example/a", second, third]
    assert reached == []


def test_no_key_goes_along_to_another_host(
    asking: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, str]] = []

    def answer(request: Any, most: int) -> Response:
        sent.append(dict(request.headers))
        address = request.url
        there = {1: "https://social.example/b", 2: "https://other.example/c"}
        location = there.get(len(sent))
        return (
            Response(address, 302, {"location": location}, b"")
            if location
            else Response(address, 200, {}, b"{}")
        )

    monkeypatch.setattr(asking, "_request", answer)
    asking.get("https://social.example/a", cross_host=True, headers={"authorization": "Bearer key"})
    assert [("authorization" in headers) for headers in sent] == [True, True, False]


@pytest.mark.parametrize("spec", ["@ada@inside.example", "ada.inside.example"])
def test_an_account_on_a_private_host_is_one_clear_sentence(
    names: Callable[..., Names],
    reached: list[str],
    capsys: pytest.CaptureFixture[str],
    spec: str,
) -> None:
    known = names()
    known.answers = _Everywhere("10.0.0.7")
    assert main(["make", spec, "--name", "ada"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("popinjay: ")
    assert "Traceback" not in said
    assert reached == []


class _Everywhere(dict[str, Any]):
    """A stand-in in which every name has the same address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def __missing__(self, name: str) -> list[list[str]]:
        return [[self._address]]
