"""What no browser sends is refused, not broken by: credentials of keys, answers of providers."""

from __future__ import annotations

import pytest

from tests.conftest import People, WalledClient
from tests.factories.sign_in import browser, enrol, sign_in

CREDENTIALS = [
    "", "{", "null", "[]", "7", '"text"', "{}", '{"response": null}', '{"response": []}',
    '{"id": "\\u0000", "type": "public-key", "response": {}}',
    '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"userHandle": 7}}',
    '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "AAAA",'
    ' "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": "AAAA"}}',
    '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "AAAA",'
    ' "attestationObject": "AAAA"}}',
    '{"id": "AAAA", "rawId": "AAAA", "type": "x", "response": {"clientDataJSON": "e30",'
    ' "authenticatorData": "' + "A" * 80 + '", "signature": "AAAA", "userHandle": "///"}}',
    '{"id": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"id": ' + "[" * 900 + "]" * 900 + "}",
    '{"id": ' + "1" * 5000 + "}", '{"id": 123456789012345678901234567890}', '{"id": "\\ud800"}',
    '{"id": NaN}', '{"id": "' + "A" * 20_000 + '"}',
]  # fmt: skip


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_a_malformed_credential_is_refused(people: People, credential: str) -> None:
    posted = {"credential": credential, "name": "key"}
    stranger = WalledClient()
    assert stranger.get("/2fa/webauthn/login/", headers={"Accept": "application/json"}).json()
    assert stranger.post("/2fa/webauthn/login/", posted)["Location"] == "/login/"

    member = browser()
    assert member.get("/2fa/webauthn/add/").status_code == 200
    assert member.post("/2fa/webauthn/add/", posted).status_code == 200

    enrol(people.alice)
    halfway = WalledClient()
    sign_in(halfway)
    halfway.get("/2fa/authenticate/")
    assert halfway.post("/2fa/authenticate/", posted).status_code == 200
    assert halfway.get("/profile/").status_code == 302


@pytest.mark.parametrize("query", ["", "?code=a", "?state=b", "?code=a&state=%00", "?error=x"])
def test_an_answer_of_a_provider_without_a_question_is_refused(
    openid: object, people: People, query: str
) -> None:
    answer = WalledClient().get(f"/sign-in/openid/callback/{query}")
    assert answer.status_code == 401
