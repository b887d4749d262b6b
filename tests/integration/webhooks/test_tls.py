"""Callbacks over TLS: to whom the certificate names, as long as somebody trusted says so."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from app.webhooks.errors import NotDelivered
from app.webhooks.post import post
from tests.fakes.receiver import Receiver


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority that this machine trusts: it signs what a network has inside."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    return authority


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    """Receivers, closed in the end."""
    opened: list[Receiver] = []
    yield opened
    for receiver in opened:
        receiver.close()


def _receiver(authority: trustme.CA, name: str) -> Receiver:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return Receiver(tls=context)


def _tell(receiver: Receiver) -> None:
    host = f"hooks.internal:{receiver.host.partition(':')[2]}"
    post(
        f"https://{host}/x",
        b"{}",
        {},
        allowed=frozenset({host}),
        resolver=lambda _host, _port: ["127.0.0.1"],
    )


def test_it_goes_to_who_is_named(authority: trustme.CA, receivers: list[Receiver]) -> None:
    """The name is what was written down, though the connection goes to an address that was judged."""
    receivers.append(_receiver(authority, "hooks.internal"))

    _tell(receivers[0])

    assert [one.path for one in receivers[0].received] == ["/x"]


@pytest.mark.parametrize("stranger", [False, True], ids=["another name", "an unknown authority"])
def test_it_goes_to_nobody_else(authority: trustme.CA, receivers: list[Receiver], *, stranger: bool) -> None:
    """Nothing is sent, and the sentence says what is wrong with the certificate."""
    signer, name = (trustme.CA(), "hooks.internal") if stranger else (authority, "other.internal")
    receivers.append(_receiver(signer, name))

    with pytest.raises(NotDelivered, match="certificate verify failed"):
        _tell(receivers[0])

    assert receivers[0].received == []
