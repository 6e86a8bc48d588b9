"""API-8: what a customer names as an address leads nowhere but to the internet, and not for long."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts.services.webhooks import endpoints
from config.kit import http
from config.kit.errors import GatewayError, InvalidInput
from tests.factories.webhooks import announced, drip, endpoint_of, receiving, reply

NAME = "hooks.customer.example"
HOSTILE = [
    "http://93.184.216.34/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
    "https://0177.0.0.1/", "https://①②⑦.⓪.⓪.①/", "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/", "https://[2002:7f00:1::]/", "https://224.0.0.1/",
    "https://192.0.0.8/", "https://100.64.0.1/", "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/", "https://localhost/", "https://93.184.216.34:22/",
    "https://user:secret@93.184.216.34/", "https://93.184.216.34\\@127.0.0.1/",
    "https://0.0.0.0/", "https://[::]/", "https://[fe80::1%25eth0]/", "gopher://93.184.216.34/",
]  # fmt: skip


class Names:
    """A name server that changes its mind: each answer is used once, the last one from then on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.answer)

    def answer(self, host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != NAME:
            return self.real(host, port, *rest, **more)
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]


@pytest.mark.parametrize("url", HOSTILE)
@pytest.mark.django_db
def test_an_endpoint_cannot_lead_inwards(organization: Any, url: str) -> None:
    """API-8: every literal form is refused when the endpoint is made."""
    with pytest.raises(InvalidInput) as refused:
        endpoints.create_endpoint(organization, url=url, event_types=["*"])
    assert refused.value.errors[0]["code"] == "address_refused"


@pytest.mark.parametrize("url", HOSTILE)
@pytest.mark.django_db
def test_nor_is_it_called_when_it_got_in_some_other_way(
    organization: Any, url: str, send: Any, fresh: Any
) -> None:
    """API-8: every address is checked at each delivery too."""
    endpoint_of(organization, url)
    delivery = announced(organization)
    send(delivery)
    assert (fresh(delivery).error_code, fresh(delivery).response_status) == (
        "address_refused",
        None,
    )


@pytest.mark.django_db
def test_a_name_that_turns_inwards_after_creation_is_not_called(
    organization: Any, monkeypatch: pytest.MonkeyPatch, send: Any, fresh: Any
) -> None:
    """API-8: a rebinding host."""
    Names(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    endpoints.create_endpoint(organization, url=f"https://{NAME}/", event_types=["*"])
    delivery = announced(organization)
    send(delivery)
    assert fresh(delivery).error_code == "address_refused"


def test_one_inward_address_among_others_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """API-8: every address is checked."""
    Names(monkeypatch, ["93.184.216.34", "10.0.0.7"])
    with pytest.raises(http.AddressRefused):
        http.resolve(f"https://{NAME}/")


def test_the_connection_goes_to_the_address_that_was_checked(
    permitted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API-8: resolved once; a second answer of the name server is never asked for."""
    with (
        receiving() as good,
        receiving("127.0.0.2", int(good.url.split(":")[2].split("/")[0])) as bad,
    ):
        names = Names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        port = good.url.split(":")[2]
        assert http.post(f"http://{NAME}:{port}", body=b"{}", headers={}).status == 204
        assert names.asked == 1
        assert (len(good.messages), len(bad.messages)) == (1, 0)
        assert good.messages[0].headers["host"] == f"{NAME}:{port.removesuffix('/hook')}"


def test_a_redirect_is_an_answer_not_an_order(permitted: None) -> None:
    """API-8: no redirects."""
    with receiving() as victim, receiving() as first:
        first.answer = lambda handler: reply(handler, 302, Location=victim.url)
        assert http.post(first.url, body=b"{}", headers={}).status == 302
        assert victim.messages == []


def test_a_huge_answer_is_cut(permitted: None) -> None:
    """API-8: 64 kB."""
    with receiving() as receiver:
        receiver.answer = lambda handler: reply(handler, 200, b"x" * 5_000_000)
        assert len(http.post(receiver.url, body=b"{}", headers={}).body) == 64 * 1024


@pytest.mark.parametrize("misbehave", [drip, lambda handler: time.sleep(8)])
def test_slow_answers_cost_five_seconds_in_all(permitted: None, misbehave: Any) -> None:
    """API-8: 5 s for everything, however it is dripped."""
    with receiving() as receiver:
        receiver.answer = misbehave
        begun = time.monotonic()
        with pytest.raises(GatewayError) as late:
            http.post(receiver.url, body=b"{}", headers={})
        assert 4 < time.monotonic() - begun < 6
        assert (late.value.code, late.value.retryable) == ("timeout", True)


def test_nobody_there_is_no_error_of_ours(permitted: None) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(GatewayError) as refused:
            http.post(f"http://127.0.0.1:{unused.getsockname()[1]}/", body=b"", headers={})
    assert refused.value.code == "connection_failed"


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context for NAME, and the file of the authority that signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    at = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - datetime.timedelta(days=1))
        .not_valid_after(at + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, str(chain)


def test_https_is_verified_for_the_name_not_the_address(
    permitted: None, settings: Any, monkeypatch: pytest.MonkeyPatch, authority: Any
) -> None:
    """API-8: connected to the checked address with the name kept in SNI and Host."""
    context, file = authority
    seen: list[str] = []
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with receiving(tls=context) as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        Names(monkeypatch, ["127.0.0.1"])
        url = f"https://{NAME}:{port}/hook"
        http._tls.cache_clear()
        with pytest.raises(GatewayError) as refused:
            http.post(url, body=b"{}", headers={})
        assert refused.value.code == "tls_failed"
        settings.OUTGOING_CA_FILE = file
        http._tls.cache_clear()
        try:
            assert http.post(url, body=b"{}", headers={}).status == 204
            with pytest.raises(GatewayError):
                http.post(receiver.url, body=b"{}", headers={})
        finally:
            http._tls.cache_clear()
        assert seen[:2] == [NAME, NAME]
