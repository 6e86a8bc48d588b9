"""The examples sign in against the running house, as processes of their own."""

from __future__ import annotations

import html
import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests import services
from tests.stack import Stack, csrf_token, make_stack

pytestmark = [pytest.mark.stack]
PASSWORD = "correct horse battery"
PERSON = f"""
from accounts.services.organizations import create_organization
from accounts.services.users import create_user
alice = create_user("alice@example.com", "{PASSWORD}", first_name="Alice")
alice.emailaddress_set.create(email=alice.email, verified=True, primary=True)
create_organization(name="Northwind", owner=alice, country="DE")
"""


@pytest.fixture
def person(stack: Stack) -> Iterator[httpx.Client]:
    with closing(stack.sign_in("alice@example.com", PASSWORD)) as client:
        yield client


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = make_stack("logins", tmp_path_factory.mktemp("logins"))
    made = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", PERSON],
        cwd=services.ROOT, env=stack.env | {"SWITCHYARD_PROCESS": "command"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    try:
        stack.start("web")
        yield stack
    finally:
        stack.stop()


def start(stack: Stack, example: str, *options: str) -> subprocess.Popen[str]:
    program = services.ROOT / "examples" / example
    return subprocess.Popen(
        [sys.executable, str(program), "--server", stack.site, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=stack.folder,
    )  # fmt: skip


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return line.strip()


def end_of(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out.strip(), err.strip()


def answer_in_browser(person: httpx.Client, address: str, answer: str) -> httpx.Response:
    """Do what a browser does: read the page, press a button, follow where it leads."""
    page = person.get(address)
    assert page.status_code == 200, page.text[:500]
    form = {"csrfmiddlewaretoken": csrf_token(page.text), "answer": answer}
    done = person.post(address, data=form)
    assert done.status_code == 200, done.text[:500]
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', done.text)
    assert found, done.text[:500]
    return httpx.get(html.unescape(found.group(1)), timeout=10)


def test_the_desktop_app_signs_in_carries_on_and_signs_out(
    stack: Stack, person: httpx.Client, tmp_path: Path
) -> None:
    session = tmp_path / "session.json"
    options = ("--no-browser", "--session", str(session))
    app = start(stack, "desktop_login.py", *options)
    address = first_line(app).removeprefix("sign in here: ")
    assert answer_in_browser(person, address, "allow").status_code == 200
    assert end_of(app) == (0, "signed in as alice@example.com for Northwind", "")
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    before = json.loads(session.read_text())
    again = end_of(start(stack, "desktop_login.py", *options))
    assert again == (0, "signed in as alice@example.com for Northwind", "")
    assert json.loads(session.read_text()) != before
    listed = person.get("/security/tokens/").text
    assert "Switchyard Desktop" in listed
    assert "app.started" in person.get("/security/tokens/reports/").text
    out = end_of(start(stack, "desktop_login.py", "--sign-out", *options))
    assert out == (0, "signed out", "")
    assert "No app is signed in" in person.get("/security/tokens/").text


def test_the_desktop_app_is_told_no(stack: Stack, person: httpx.Client, tmp_path: Path) -> None:
    app = start(
        stack, "desktop_login.py", "--no-browser", "--session", str(tmp_path / "session.json")
    )
    address = first_line(app).removeprefix("sign in here: ")
    answer_in_browser(person, address, "deny")
    assert end_of(app) == (1, "", "refused: You were not let in. [access_denied]")


def test_the_headless_machine_signs_in_and_carries_on(
    stack: Stack, person: httpx.Client, tmp_path: Path
) -> None:
    options = ("--name", "build-7", "--session", str(tmp_path / "session.json"))
    machine = start(stack, "headless_login.py", *options)
    told = re.fullmatch(r"open (\S+) and enter (\S+)", first_line(machine))
    assert told
    address, code = told.groups()
    page = person.get(address)
    form = {"csrfmiddlewaretoken": csrf_token(page.text), "code": code}
    asked = person.post(address, data=form)
    assert "build-7" in asked.text
    form |= {"csrfmiddlewaretoken": csrf_token(asked.text), "answer": "allow"}
    assert person.post(address, data=form).status_code == 302
    assert end_of(machine) == (0, "signed in as alice@example.com for Northwind", "")
    again = end_of(start(stack, "headless_login.py", *options))
    assert again == (0, "signed in as alice@example.com for Northwind", "")


def test_a_server_that_is_away_is_said_plainly(tmp_path: Path) -> None:
    program = services.ROOT / "examples" / "headless_login.py"
    done = subprocess.run(
        [sys.executable, str(program), "--server", "http://127.0.0.1:1"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("cannot reach http://127.0.0.1:1")
