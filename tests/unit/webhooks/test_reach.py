"""Where callbacks may go: names that lead to private addresses in every disguise, and nothing twice asked."""

import time
from collections.abc import Sequence

import httpcore
import pytest

from app.webhooks.errors import BadAddress, NotDelivered
from app.webhooks.post import post
from app.webhooks.reach import Guard, check_url, is_public, resolve

NONE: frozenset[str] = frozenset()
PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1"),
    *("fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1"),
    *("192.0.0.8", "192.0.0.192", "192.88.99.1", "3fff::1"),
    *("2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "2002:a9fe:a9fe::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    """Loopback, private, link-local, metadata, carrier's, documentation, multicast, and IPv4 inside IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "140.82.112.3", "2606:4700:4700::1111"])
def test_a_public_one_is(address: str) -> None:
    """The internet."""
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_there_is_refused(address: str) -> None:
    """Also where another of its addresses is public: which one is taken is not the name's to say."""
    for answers in ([address], ["8.8.8.8", address]):
        asked: list[str] = []

        def resolver(host: str, _port: int, answers: Sequence[str] = answers) -> Sequence[str]:
            asked.append(host)  # noqa: B023 - called within this turn of the loop
            return answers

        with pytest.raises(BadAddress, match="no address of the public internet"):
            post("https://hooks.example/x", b"{}", {}, allowed=NONE, resolver=resolver)
        assert asked == ["hooks.example"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "127.1", "0", "017700000001"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "0xa9fea9fe", "2852039166"),
    ],
)
def test_an_address_in_disguise_is_refused_when_saved_and_when_sent(host: str) -> None:
    """Decimal, octal, hexadecimal, short: as the system's resolver reads them."""
    with pytest.raises(BadAddress):
        check_url(f"https://{host}/x", NONE)
    with pytest.raises((BadAddress, httpcore.ConnectError)):
        Guard(NONE, deadline=time.monotonic() + 5).connect_tcp(host.strip("[]"), 443)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com",
            "//x",
            "",
        ),
        *("https://", "https:///x", "https://user@example.com/", "https://a:b@example.com/", "javascript:1"),
        *("https://example.com/#x", "https://example.com:99999/", "https://exa mple.com/", "https://[::1/"),
        *("https://example.com\\@127.0.0.1/", "https://example.com/\r\nX: y", "https://ex\u00e4mple.com/"),
    ],
)
def test_what_is_no_address_for_a_callback_is_refused(url: str) -> None:
    """With a sentence, when it is saved."""
    with pytest.raises(BadAddress):
        check_url(url, NONE)


def test_what_the_settings_name_may_be_private() -> None:
    """For one port or for all; another host, and another port, stay refused."""
    allowed = frozenset({"127.0.0.1:8080", "ci.internal"})

    assert check_url("http://127.0.0.1:8080/x", allowed).port == 8080
    assert check_url("http://CI.internal/x", allowed).hostname == "ci.internal"
    for url in ("http://127.0.0.1:8081/", "http://127.0.0.1/", "http://ci.internal.example/"):
        with pytest.raises(BadAddress):
            check_url(url, allowed)


def test_a_name_that_cannot_be_resolved_may_be_tried_again() -> None:
    """It is no private address, only one that is not there now."""

    def resolver(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(NotDelivered, match="cannot be resolved"):
        post("https://hooks.example/", b"", {}, allowed=NONE, resolver=resolver)
    with pytest.raises(NotDelivered, match="no address"):
        post("https://hooks.example/", b"", {}, allowed=NONE, resolver=lambda _host, _port: [])


def test_the_systems_resolver_is_asked() -> None:
    """Its answers are addresses, each once."""
    assert "127.0.0.1" in resolve("127.0.0.1", 80)
