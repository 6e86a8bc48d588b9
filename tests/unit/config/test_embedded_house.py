"""What each process of `make run` is told, and what it is not told."""

from __future__ import annotations

import io
import socket
from pathlib import Path

import pytest
from rich.console import Console

from accounts.rules.deliveries import AT_ONCE
from config.embedded import registry
from config.embedded.__main__ import main
from config.embedded.house import Addresses, House
from config.embedded.keys import MAKERS
from config.embedded.launching import EmbeddedError
from config.embedded.ports import first_free
from config.embedded.terminal import Terminal

ADMIN = "postgres://admin:secret@127.0.0.1:5/switchyard"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    for name in ("OWNER", "APP", "SYSTEM", "BACKUP"):
        monkeypatch.delenv(f"DATABASE_{name}_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", ADMIN)
    keys = {name: f"value of {name}" for name in MAKERS}
    return House(tmp_path, Addresses(8100, 8101, 8102, 8103), keys, ADMIN, "redis://127.0.0.1:6/0")


@pytest.mark.parametrize(
    ("process", "roles"),
    [
        ("web", {"APP"}),
        ("backoffice", {"SYSTEM"}),
        ("worker", {"SYSTEM", "BACKUP"}),
        ("beat", {"SYSTEM"}),
        ("command", {"OWNER", "APP", "SYSTEM", "BACKUP"}),
    ],
)
def test_a_process_knows_the_database_url_of_its_own_role_alone(
    house: House, process: str, roles: set[str]
) -> None:
    environment = house.environment(process)
    known = {name for name in environment if name.startswith("DATABASE_") and "URL" in name}
    assert known == {f"DATABASE_{role}_URL" for role in roles}
    assert ADMIN not in environment.values()
    assert "secret" not in "".join(environment[name] for name in known)


def test_role_urls_point_at_the_same_database_with_quoted_passwords(house: House) -> None:
    expected = "postgres://switchyard_app:value%20of%20DATABASE_APP_PASSWORD@127.0.0.1:5/switchyard"
    assert house.role_url("app") == expected


def test_a_role_url_from_outside_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_APP_URL", "postgres://mine@db/switchyard")
    assert house.role_url("app") == "postgres://mine@db/switchyard"


def test_the_terminal_hears_what_goes_wrong_unless_more_is_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    assert house.environment("worker")["LOG_LEVEL"] == "WARNING"
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    assert house.environment("worker")["LOG_LEVEL"] == "INFO"


def test_one_customers_webhooks_never_hold_every_worker(house: House) -> None:
    (worker,) = [each for each in house.processes() if each.name == "worker"]
    concurrency = worker.arguments[list(worker.arguments).index("--concurrency") + 1]
    assert int(str(concurrency)) > AT_ONCE


def test_all_addresses_follow_the_chosen_ports(house: House) -> None:
    environment = house.environment("web")
    assert environment["SITE_URL"] == "http://127.0.0.1:8100"
    assert environment["BACKOFFICE_URL"] == "http://127.0.0.1:8101"
    assert environment["STRIPE_API_BASE"] == "http://127.0.0.1:8102"
    assert environment["OPENID_SERVER_URL"] == "http://127.0.0.1:8103"
    stripe = [str(part) for part in house.simstripe().arguments]
    assert "--port=8102" in stripe
    assert "--webhook-url=http://127.0.0.1:8100/webhooks/stripe" in stripe


def test_a_taken_or_promised_port_is_passed_over() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert first_free(taken) > taken
        assert first_free(taken, taken=range(taken, taken + 5)) > taken + 4


def test_no_free_port_is_said_with_the_range() -> None:
    with pytest.raises(EmbeddedError, match="No free port between 50000"):
        first_free(50000, taken=range(50000, 60000))


def test_a_process_cannot_steer_the_terminal_with_its_lines() -> None:
    shown = io.StringIO()
    Terminal(Console(file=shown, force_terminal=False)).process_line("web", "a\x1b[2Jb\x07\x9bc")
    assert shown.getvalue() == "web        | abc\n"


def test_manage_without_a_command_asks_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.claim(tmp_path)
    registry.announce(tmp_path, Addresses(8100, 8101, 8102, 8103))
    assert main(["--var", str(tmp_path), "manage"]) == 1
    said = capsys.readouterr()
    assert "make manage DO=" in said.out + said.err
