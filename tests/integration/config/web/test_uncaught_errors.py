"""What nobody caught: a page for the person, one line for the operator, no mail with the request."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib import import_module
from logging.config import dictConfig
from types import ModuleType
from typing import Any, NoReturn

import pytest
from django.conf import settings as configured
from django.core import mail
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client
from django.urls import path

from config.kit import logs

ERRORS = {"500": RuntimeError, "503": OperationalError}


def _break(request: HttpRequest, status: str) -> NoReturn:
    raise ERRORS[status]("nobody caught this")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process writes, set up anew over what Django sets up by itself."""
    written = io.StringIO()
    configuration = logs.dictionary("INFO")
    configuration["handlers"]["stderr"]["stream"] = written
    dictConfig(configuration)
    yield written
    dictConfig(configured.LOGGING)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("addresses", ["config.urls", "config.urls_backoffice"])
def test_an_uncaught_error_is_a_page_and_one_line_and_no_mail(
    addresses: str, status: int, lines: io.StringIO, settings: Any
) -> None:
    settings.ADMINS = [("Operator", "operator@example.com")]
    settings.BACKOFFICE = addresses == "config.urls_backoffice"
    broken = ModuleType("broken")
    vars(broken).update(vars(import_module(addresses)))
    broken.urlpatterns = [path("broken/<status>/", _break), *broken.urlpatterns]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = broken
    client = Client(raise_request_exception=False)
    answer = client.post(f"/broken/{status}/", {"password": "correct horse"})
    assert answer.status_code == status
    assert answer.headers["X-Request-Id"] in answer.content.decode()
    assert mail.outbox == []
    (line,) = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert (line["logger"], line["level"]) == ("django.request", "error")
    assert "nobody caught this" in line["exception"]
    assert "correct horse" not in lines.getvalue()
