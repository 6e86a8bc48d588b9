"""The list of API sessions: by API and on the page under Security."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import People
from tests.factories.tokens import ApiClient, session_of


@pytest.fixture
def programs(people: People) -> list[ApiClient]:
    made = [session_of(people.alice, client_name=name) for name in ("Desk app", "build-7")]
    return [ApiClient(each.access_token) for each in made]


def listed(program: ApiClient) -> list[dict[str, Any]]:
    return list(program.ask("get", "me/tokens").json()["results"])


def test_a_person_lists_their_sessions_and_ends_one(
    people: People, programs: list[ApiClient]
) -> None:
    here, other = programs
    shown = {each["client_name"]: each for each in listed(here)}
    assert set(shown) == {"Desk app", "build-7"}
    assert set(shown["build-7"]) == {
        "id", "client_name", "origin", "ip", "user_agent", "began_at", "last_refreshed_at",
        "expires_at", "ends_at",
    }  # fmt: skip
    path = f"me/tokens/{shown['build-7']['id']}"
    assert here.ask("delete", path).status_code == 204
    assert other.ask("get", "me").status_code == 401
    assert here.ask("delete", path).status_code == 404
    assert [each["client_name"] for each in listed(here)] == ["Desk app"]


def test_nobody_ends_anothers_session(people: People, programs: list[ApiClient]) -> None:
    """alice owns the sessions; bob (same organization), charlie and nobody cannot see them."""
    session = listed(programs[0])[0]["id"]
    for user in (people.bob, people.charlie):
        program = ApiClient(session_of(user).access_token)
        assert len(listed(program)) == 1
        assert program.ask("delete", f"me/tokens/{session}").status_code == 404
        assert people.client(user).get(f"/security/tokens/{session}/end/").status_code == 404
        assert people.client(user).post(f"/security/tokens/{session}/end/").status_code == 404
    assert ApiClient().ask("delete", f"me/tokens/{session}").status_code == 401
    assert people.client(None).get("/security/tokens/").status_code == 302
    assert len(listed(programs[0])) == 2


def test_a_rotated_session_is_one_row(people: People) -> None:
    issued = session_of(people.alice)
    body = {"refresh_token": issued.refresh_token}
    program = ApiClient(ApiClient().ask("post", "auth/refresh", body).json()["access_token"])
    assert [each["id"] for each in listed(program)] == [str(issued.session)]


def test_the_page_lists_searches_exports_and_ends(
    people: People, programs: list[ApiClient]
) -> None:
    alice = people.client(people.alice)
    text = alice.get("/security/tokens/").content.decode()
    assert "Desk app" in text
    assert "build-7" in text
    found = alice.get("/security/tokens/?q=build").content.decode()
    assert "Desk app" not in found
    assert "No app matches" in alice.get("/security/tokens/?q=nothing").content.decode()
    sheet = alice.get("/security/tokens/?export=csv").content.decode("utf-8-sig")
    assert sheet.splitlines()[0].startswith("App,Signed in by,Address")
    assert len(sheet.splitlines()) == 3
    session = next(each["id"] for each in listed(programs[0]) if each["client_name"] == "build-7")
    assert "build-7" in alice.get(f"/security/tokens/{session}/end/").content.decode()
    assert alice.post(f"/security/tokens/{session}/end/").status_code == 302
    assert programs[1].ask("get", "me").status_code == 401
    assert alice.get("/security/tokens/end/").status_code == 200
    assert alice.post("/security/tokens/end/").status_code == 302
    assert programs[0].ask("get", "me").status_code == 401
    assert "No app is signed in" in alice.get("/security/tokens/").content.decode()


def test_the_page_costs_the_same_for_many_sessions(people: People) -> None:
    alice = people.client(people.alice)
    alice.get("/security/tokens/")
    costs = []
    for _ in range(2):
        session_of(people.alice)
        with CaptureQueriesContext(connection) as captured:
            alice.get("/security/tokens/")
        costs.append(len(captured))
        for number in range(20):
            session_of(people.alice, client_name=f"app {number}")
    assert costs[0] == costs[1] <= 10


def test_a_website_session_is_not_ended_by_the_apis_logout(people: People) -> None:
    client = people.client(people.alice)
    assert client.post("/api/v1/auth/logout").status_code == 422
