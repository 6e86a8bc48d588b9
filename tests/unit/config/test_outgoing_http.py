"""Customers' addresses never lead into our own network, however they are written."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from config.kit import http

INWARD = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1",
    "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1",
    "fec0::1", "feff:ffff::1", "5f00::1", "3fff::1", "3fff:fff::1", "100::1", "100:0:0:1::1",
    "2001::1", "2001:10::1", "4000::1", "8000::1", "fd00::1", "febf::1",
    "192.0.2.1", "192.88.99.1", "198.51.100.1", "203.0.113.1",
]  # fmt: skip


@pytest.mark.parametrize("text", INWARD)
def test_inward_addresses_are_not_public(text: str) -> None:
    assert not http.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "3fff:1000::1"],
)
def test_public_addresses_are(text: str) -> None:
    assert http.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0177.0.0.1/", "https://localhost/", "https://1.1.1.1:22/", "https://1.1.1.1:x/",
        "https://user@1.1.1.1/", "https:///path", "ftp://1.1.1.1/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://①②⑦.⓪.⓪.①/",
    ],
)  # fmt: skip
def test_hostile_addresses_are_refused(url: str) -> None:
    with pytest.raises(http.AddressRefused):
        http.resolve(url)


def test_a_public_address_keeps_what_was_checked() -> None:
    target = http.resolve("https://1.1.1.1:8443/hook")
    assert (target.host, target.port, str(target.address)) == ("1.1.1.1", 8443, "1.1.1.1")


def test_a_permitted_network_may_be_called_without_tls_and_nothing_beside_it(settings: Any) -> None:
    settings.OUTGOING_PERMITTED_NETWORKS = ["127.0.0.1/32"]
    assert http.resolve("http://127.0.0.1:9000/hook").port == 9000
    for url in (
        "http://127.0.0.2:9000/", "https://10.0.0.1/", "http://1.1.1.1/", "https://[::1]/",
        "javascript://127.0.0.1:9000/%0aalert(1)", "ftp://127.0.0.1:9000/",
    ):  # fmt: skip
        with pytest.raises(http.AddressRefused):
            http.resolve(url)
