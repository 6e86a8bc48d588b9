"""What a start says first and last: the name, then addresses, credentials and how to stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from config.embedded.house import House
from config.embedded.terminal import Terminal


def show_banner(terminal: Terminal) -> None:
    """Print who is starting."""
    terminal.say("\nSwitchyard", style="bold")
    terminal.say("licenses, machines, API access and SIM cards on one account\n", style="dim")


def show_summary(terminal: Terminal, house: House, seconds: float) -> None:
    """Print what a person needs now, once."""
    addresses = house.addresses
    terminal.say(f"\nReady after {seconds:.1f} s\n", style="bold green")
    for title, address in (
        ("Dashboard and API", addresses.site_url),
        ("API documentation", f"{addresses.site_url}/api/docs/"),
        ("Mail of the demo", f"{addresses.site_url}/demo/mail/"),
        ("Back office", addresses.backoffice_url),
        ("Stripe stand-in", addresses.stripe_url),
        ("Sign-in stand-in", addresses.openid_url),
    ):
        terminal.say(f"  {title:<20}{address}")
    _show_credentials(terminal, house.var_dir / "credentials.json")
    terminal.say("\nPress Ctrl-C to stop everything.\n", style="bold")


def _show_credentials(terminal: Terminal, file: Path) -> None:
    try:
        credentials = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return
    terminal.say(f"\n  Credentials, generated for this checkout ({file}):")
    entries = _entries(credentials)
    width = max((len(title) for title, _ in entries), default=0)
    for title, value in entries:
        terminal.say(f"  {title:<{width}}   {value}")


def _entries(credentials: Any) -> list[tuple[str, str]]:
    """Return one line for each account: a list of objects, or an object of them."""
    if isinstance(credentials, dict):
        return [(str(title), _words(value)) for title, value in credentials.items()]
    return [("", _words(value)) for value in credentials]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "   ".join(f"{name} {_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " ".join(_words(part) for part in value)
    return str(value)
