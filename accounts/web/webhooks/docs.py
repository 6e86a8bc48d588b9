"""The page that explains messages: how to verify one, and every event type."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.rules.deliveries import WAITS
from accounts.services.webhooks.catalogue import event_types
from accounts.web.access import member_required

PYTHON = """from standardwebhooks import Webhook

def receive(request):
    # The bytes as they came, before any JSON parser has touched them.
    message = Webhook("whsec_...").verify(request.body, dict(request.headers))
    print(message["type"], message["data"])"""
NODE = """import { Webhook } from "standardwebhooks";
import express from "express";

express().post("/hooks", express.raw({ type: "*/*" }), (request, response) => {
  const message = new Webhook("whsec_...").verify(request.body, request.headers);
  console.log(message.type, message.data);
  response.sendStatus(204);
});"""
BY_HAND = """import base64, hashlib, hmac, time

def is_genuine(secret, headers, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    given = headers["webhook-signature"].split(" ")
    return fresh and any(hmac.compare_digest(wanted, each) for each in given)"""


@require_GET
@member_required()
def docs(request: Any) -> HttpResponse:
    """How messages look and are verified; the catalogue that docs/webhooks.md has too."""
    kinds = list(event_types().values())
    for_page = [
        {"name": kind.name, "description": kind.description, "group": kind.group_words,
         "example": json.dumps(dict(kind.example), indent=2)}
        for kind in kinds
    ]  # fmt: skip
    groups = [(name, list(each)) for name, each in groupby(for_page, lambda kind: kind["group"])]
    facts = {
        "groups": groups,
        "python": PYTHON,
        "node": NODE,
        "by_hand": BY_HAND,
        "tries": len(WAITS) + 1,
    }
    return render(request, "accounts/webhooks/docs.html", facts)
