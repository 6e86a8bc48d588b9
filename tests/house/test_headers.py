"""API-10: every route's answers carry the headers that browsers are told to obey.

Each is asked as its owner and as nobody, with GET and with a body that is no JSON, so that pages,
documents, files, redirects and refusals of all kinds are among the answers.
"""

from __future__ import annotations

from typing import Any

import pytest

from config.settings.security import CSP
from tests.house.conftest import Standing
from tests.house.routes import routes

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FORBIDDEN = ("Server", "X-Powered-By")


def _missing(answer: Any) -> list[str]:
    wrong = [name for name, value in ALWAYS.items() if answer.headers.get(name) != value]
    policy = answer.headers.get("Content-Security-Policy", "")
    wrong += [word for word in ("frame-ancestors 'none'", "report-uri") if word not in policy]
    wrong += [name for name in FORBIDDEN if name in answer.headers]
    if "Cache-Control" not in answer.headers:
        wrong.append("Cache-Control")
    return wrong


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.template)
def test_every_answer_tells_browsers_what_they_may(standing: Standing, route: Any) -> None:
    path = route.path(standing.things)
    people = standing.people
    for user in (people.alice, None):
        for method in ("get", "post"):
            answer = standing.ask(people.client(user), method, path)
            assert _missing(answer) == [], (method, user, answer.status_code)


def test_scripts_and_frames_are_nobody_elses() -> None:
    assert CSP["default-src"] == ["'none'"]
    assert CSP["script-src"] == ["'self'"]
    assert CSP["base-uri"] == CSP["frame-ancestors"] == ["'none'"]
