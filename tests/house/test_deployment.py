"""compose.yaml, .env.example, the Dockerfile and the settings speak of the same variables. API-10."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from accounts.rules.deliveries import AT_ONCE
from config.embedded.house import QUEUES
from config.settings.tasks import CELERY_TASK_QUEUES
from tests import services

ROOT = services.ROOT
READ = re.compile(r"""env(?:\.\w+)?\(\s*(f?)"([A-Z][A-Z0-9_{}.a-z()]*)\"""")
ROLES = ("OWNER", "APP", "SYSTEM", "BACKUP")
# Told to the processes by the image or by compose, and read by no setting.
BY_THE_IMAGE = {
    "PORT",
    "PATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "DJANGO_SETTINGS_MODULE",
}
OURS = {"migrate", "operator", "web", "backoffice", "worker-default", "worker-money", "worker-sync", "worker-webhooks", "worker-ingest", "worker-exports", "worker-bulk", "worker-mail", "beat"}  # fmt: skip


@lru_cache(maxsize=1)
def _compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return content


@lru_cache(maxsize=1)
def _read_by_settings() -> set[str]:
    """Every variable that settings and setup_database ask for; patterns for the roles unrolled."""
    names: set[str] = set()
    files = [*(ROOT / "config/settings").glob("*.py"), ROOT / "accounts/management/commands/setup_database.py"]  # fmt: skip
    for file in files:
        for is_pattern, name in READ.findall(file.read_text()):
            if is_pattern and name.startswith("DATABASE_"):
                roles = ROLES[1:3] if "REPLICA" in name else ROLES
                names |= {re.sub(r"\{.*\}", role, name) for role in roles}
            elif not is_pattern:
                names.add(name)
    return names


def _environment(service: str) -> dict[str, str]:
    return {
        name: str(value) for name, value in _compose()["services"][service]["environment"].items()
    }


def _example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_compose_names_services_volumes_and_networks_that_exist() -> None:
    compose = _compose()
    known = compose["services"]
    assert set(known) == {"db", "scratch", "redis", *OURS}
    for name, service in known.items():
        assert set(service.get("depends_on", {})) <= set(known), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"], name
    used = {v.split(":")[0] for s in known.values() for v in s.get("volumes", [])}
    assert used == set(compose["volumes"])


def test_our_processes_run_read_only_without_privileges_and_come_back() -> None:
    for name in OURS:
        service = _compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        ends = name in {"migrate", "operator"}
        assert service["restart"] == ("no" if ends else "unless-stopped")
        assert "privileged" not in service


def test_a_server_that_still_prepares_its_cluster_is_not_healthy() -> None:
    """The image's first server listens on the socket alone, and goes away again."""
    for name in ("db", "scratch"):
        health = _compose()["services"][name]["healthcheck"]
        assert "--host=127.0.0.1" in health["test"]
        assert "start_period" in health


def test_backups_are_proven_on_a_server_like_the_first_as_its_superuser() -> None:
    first, scratch = (_compose()["services"][name] for name in ("db", "scratch"))
    assert scratch["image"] == first["image"]
    assert scratch["volumes"] != first["volumes"]
    account = scratch["environment"]
    for name in ("operator", "worker-default"):
        address = _environment(name)["DATABASE_VERIFY_URL"]
        who = f"{account['POSTGRES_USER']}:{account['POSTGRES_PASSWORD']}"
        assert address == f"postgres://{who}@scratch:5432/postgres"


def test_every_queue_has_a_worker_and_beat_is_one() -> None:
    commands = [" ".join(s["command"]) for n, s in _compose()["services"].items() if n.startswith("worker")]  # fmt: skip
    served = {re.search(r"--queues (\w+)", command)[1] for command in commands}
    assert served == set(QUEUES.split(",")) == {queue.name for queue in CELERY_TASK_QUEUES}


def test_one_customers_webhooks_never_hold_every_worker() -> None:
    command = _compose()["services"]["worker-webhooks"]["command"]
    assert int(command[command.index("--concurrency") + 1]) > AT_ONCE


def test_commands_of_the_operator_work_as_the_system_role_and_see_what_is_kept() -> None:
    operator = _compose()["services"]["operator"]
    assert operator["profiles"] == ["operator"]
    assert "migrate" not in operator["depends_on"]
    kept = {"media:/data/media", "backups:/data/backups", "anchors:/data/anchors"}
    assert set(operator["volumes"]) == kept
    page = (ROOT / "docs/deploy.md").read_text()
    asked = set(re.findall(r"operator ([a-z_]+)", page))
    commands = {file.stem for file in ROOT.glob("*/management/commands/[a-z]*.py")}
    assert {"create_staff", "verify_audit", "erase_user", "backup"} <= asked & commands
    for name in set(re.findall(r"(?:--rm|\.\.\.) operator ([a-z_]+)", page)):
        assert name in commands, name
    by_owner = set(re.findall(r"--rm migrate python manage\.py (\w+)", page))
    assert by_owner == {"restore"}
    restoring = next(line for line in page.splitlines() if line.startswith("| restore |"))
    assert restoring.index("stop web") < restoring.index("FLUSHALL") < restoring.index("up -d")


def test_a_line_break_in_the_sellers_address_is_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; print(settings.SELLER['address'])"],
        cwd=ROOT, env={**os.environ, "SELLER_ADDRESS": r"Long Lane 1\n10115 Berlin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "Long Lane 1\n10115 Berlin\n"


def test_web_servers_keep_no_access_log() -> None:
    """AUT-10: addresses of invitations let their holder in; logs are read by many."""
    assert " --no-access-log " in _image_command()[-1]
    assert '"--no-access-log"' in (ROOT / "config/embedded/house.py").read_text()


def test_redis_evicts_nothing_and_keeps_a_journal() -> None:
    command = " ".join(_compose()["services"]["redis"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_every_variable_that_compose_sets_is_read_by_the_settings() -> None:
    for name in OURS:
        unread = set(_environment(name)) - _read_by_settings()
        assert unread == set(), name


def test_every_variable_that_compose_asks_for_is_in_the_example_and_the_other_way_round() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    assert asked == set(_example())


def test_every_variable_of_the_example_is_explained_to_operators() -> None:
    pages = [(ROOT / "docs" / page).read_text() for page in ("operations.md", "deploy.md")]
    assert {n for n in _example() if not re.search(rf"`{n}`", "".join(pages))} == set()


def test_every_check_is_explained_to_operators() -> None:
    checks = (ROOT / "config/checks.py").read_text()
    ids = set(re.findall(r'id="(switchyard\.\w+)"', checks))
    assert ids == set(re.findall(r"^\| `(switchyard\.\w+)`", (ROOT / "docs/operations.md").read_text(), re.MULTILINE))  # fmt: skip


def test_every_variable_that_settings_read_is_explained_to_operators() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    unexplained = {n for n in _read_by_settings() if not re.search(rf"\b{n}\b", text)}
    assert unexplained == set()


def test_every_variable_of_the_image_is_read() -> None:
    block = (ROOT / "Dockerfile").read_text().partition("USER switchyard")[0].rpartition("ENV ")[2]
    names = set(re.findall(r"^\s*([A-Z_]+)=", "\n" + block, re.MULTILINE))
    assert names - BY_THE_IMAGE <= _read_by_settings()
    assert "SWITCHYARD_PROCESS" in names


def _image_command() -> list[str]:
    written = (ROOT / "Dockerfile").read_text().rpartition("\nCMD ")[2]
    command: list[str] = json.loads(written.replace("\\\n", ""))
    return command


def test_the_server_listens_where_its_health_check_asks(tmp_path: Path) -> None:
    granian = tmp_path / "granian"
    granian.write_text('#!/bin/sh\necho "$@"\n')
    granian.chmod(0o700)
    told = subprocess.run(
        _image_command(),
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PORT": "9123"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.startswith("config.wsgi:application --interface wsgi --host 0.0.0.0 --port 9123 ")


def test_the_image_holds_what_the_dockerfile_copies_and_runs_as_an_ordinary_user() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert f"!{source}\n" in (ROOT / ".dockerignore").read_text(), source
    last_stage = text.rpartition("FROM ")[2]
    assert re.search(r"^USER switchyard$", last_stage, re.MULTILINE)
    assert "HEALTHCHECK" in last_stage


@pytest.mark.parametrize(
    ("service", "role"),
    [
        ("web", {"APP"}),
        ("operator", {"SYSTEM", "BACKUP", "VERIFY"}),
        ("backoffice", {"SYSTEM"}),
        ("worker-default", {"SYSTEM", "BACKUP", "VERIFY"}),
        ("worker-money", {"SYSTEM"}),
        ("beat", {"SYSTEM"}),
    ],
)
def test_each_process_knows_the_address_of_its_own_role_alone(service: str, role: set[str]) -> None:
    told = {name for name in _environment(service) if re.fullmatch(r"DATABASE_(\w+_)?URL", name)}
    replicas = {name for name in told if name.endswith("_REPLICA_URL")}
    assert told - replicas == {f"DATABASE_{name}_URL" for name in role}
    passwords = {
        found for value in _environment(service).values()
        for found in re.findall(r"\$\{(\w*PASSWORD)", value)
    }  # fmt: skip
    assert passwords == {f"DATABASE_{name}_PASSWORD" for name in role} | {"REDIS_PASSWORD"}


def _signing_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return base64.b64encode(key).decode()


FILLED = {
    "SECRET_KEY": "k7" * 40 + "!x9Z_q",
    "SWITCHYARD_SECRETS_KEY": Fernet.generate_key().decode(),
    "SWITCHYARD_SIGNING_KEYS": _signing_key(),
    "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "SELLER_COUNTRY": "DE",
}


def _filled(service: str, folder: Path) -> dict[str, str]:
    """Return the environment that compose would give the service, from a filled-in example."""
    answers = {name: value or "filled" for name, value in (_example() | FILLED).items()}
    answers |= {
        name: "" for name in answers if name.endswith("REPLICA_URL") or name == "ADMIN_EMAILS"
    }
    answers["BACKUP_KEYS"] = Fernet.generate_key().decode()

    def put(found: re.Match[str]) -> str:
        return answers[found[1]]

    told = {n: re.sub(r"\$\{(\w+)[^}]*\}", put, v) for n, v in _environment(service).items()}
    outer = {"PATH": os.environ["PATH"], "SWITCHYARD_VAR": str(folder)}
    return outer | told | services.role_urls(f"test_{services.WORKER}")


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize("service", ["web", "backoffice", "operator", "worker-default", "beat"])
def test_api_10_the_deployment_check_is_clean(service: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--database", "default"],
        cwd=ROOT, env=_filled(service, tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # What the schema warns of is the schema's test's.
    found = re.findall(r"^\?: \(((?!drf_spectacular)[^)]+)\)", done.stderr, re.MULTILINE)
    assert found == [], done.stderr
