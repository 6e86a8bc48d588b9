"""Networks a key may be used from: read, and compared as text where there is no arithmetic."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_MAPPED = 0xFFFF << 32


def read_network(text: str) -> str:
    """Return a network or a single address in its usual form; raises ValueError."""
    return str(ip_network(text.strip(), strict=False))


@lru_cache(maxsize=4096)
def hex_of(address: str | None) -> str:
    """Write an address as 32 hexadecimal digits, IPv4 as its mapped IPv6; empty when unknown."""
    if not address:
        return ""
    try:
        return _digits(ip_address(address))
    except ValueError:
        return ""


def span(network: str) -> tuple[str, str]:
    """Return the first and last address of a network, each as `hex_of` writes them."""
    read = ip_network(network)
    return _digits(read[0]), _digits(read[-1])


def is_inside(networks: tuple[str, ...], address: str | None) -> bool:
    """True without networks, or when the address is in one; an unknown address is in none."""
    if not networks:
        return True
    wanted = hex_of(address)
    return bool(wanted) and any(low <= wanted <= high for low, high in map(span, networks))


def _digits(address: IPv4Address | IPv6Address) -> str:
    value = int(address)
    return f"{_MAPPED | value if address.version == 4 else value:032x}"
