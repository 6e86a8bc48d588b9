"""What a customer's program calls: validate, activate, deactivate, heartbeat.

Thin views without DRF, because devices call them all day. Their shapes are described for the
schema in licensing.api.schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now

from config.kit import context
from config.kit.api import read_object
from config.kit.fields import nonce, read_fields, text
from config.kit.hot import caller_ip, hot_path, written
from licensing.api.hot import answer, device_token, nothing
from licensing.models import DeviceLink, License
from licensing.models.look_ups import find_device, find_license
from licensing.rules import limits
from licensing.rules.keys import read_key
from licensing.rules.refusals import UnknownDeviceToken, UnknownLicense
from licensing.rules.snapshots import Snapshot
from licensing.rules.validity import ACCEPTED, DETAILS, state
from licensing.services import devices, validation
from licensing.services.licenses import hash_of

VALIDATE = {
    "license_key": text(255),
    "device_id": text(255, required=False),
    "product": text(80, required=False),
    "nonce": nonce,
}
ACTIVATE = {
    "license_key": text(255),
    "device_id": text(255),
    "device_name": text(255),
    "platform": text(64, required=False, default=""),
    "hostname": text(255, required=False, default=""),
    "app_version": text(64, required=False, default=""),
}


@hot_path
def validate(request: HttpRequest) -> HttpResponse:
    fields = read_fields(read_object(request), VALIDATE)
    at = now()
    found = validation.validate(
        fields["license_key"],
        device_id=fields["device_id"],
        product=fields["product"],
        ip=caller_ip(),
        at=at,
    )
    seat = found.seat
    document = {
        **_verdict(found, at),
        "nonce": fields["nonce"],
        "license": _license(found.snapshot, at),
        "device": seat and {"id": str(seat.link_id), "activated_at": written(seat.activated_at)},
    }
    return answer(document, allowance=found.allowance)


@hot_path
def activate(request: HttpRequest) -> HttpResponse:
    fields = read_fields(read_object(request), ACTIVATE)
    key_hash, device_id = _hash_of(fields["license_key"]), fields["device_id"]
    allowance = validation.count_request(limits.caller(key_hash, device_id), "activate")
    found = find_license(key_hash, device_id)
    if found is None:
        raise _unknown_license()
    with context.acting(
        organization_id=found.organization_id,
        actor_kind="device",
        actor_id=str(found.snapshot.license_id),
    ):
        license = License.objects.for_organization(found.organization_id).get(
            pk=found.snapshot.license_id
        )
        description = devices.Description(
            device_id=device_id,
            name=fields["device_name"],
            platform=fields["platform"],
            hostname=fields["hostname"],
            app_version=fields["app_version"],
            ip=caller_ip(),
        )
        activation = devices.activate_device(license, device=description, at=now())
    return answer(
        _activation(activation), status=201 if activation.created else 200, allowance=allowance
    )


@hot_path
def deactivate(request: HttpRequest) -> HttpResponse:
    token = device_token(request)
    read_no_fields(request)
    found = find_device(devices.token_hash_of(token))
    if found is None:
        validation.count_wrong_secret(caller_ip())
        raise UnknownDeviceToken
    allowance = validation.count_request(str(found.link_id), "deactivate")
    with context.acting(
        organization_id=found.organization_id, actor_kind="device", actor_id=str(found.link_id)
    ):
        link = DeviceLink.objects.for_organization(found.organization_id).get(pk=found.link_id)
        devices.deactivate_device(link, at=now())
    return nothing(allowance)


@hot_path
def heartbeat(request: HttpRequest, link_id: UUID) -> HttpResponse:
    token = device_token(request)
    read_no_fields(request)
    at = now()
    found = validation.record_heartbeat(link_id, token, ip=caller_ip(), at=at)
    document = {
        **_verdict(found, at),
        "next_in": limits.next_beat(),
        "license": _license(found.snapshot, at),
    }
    return answer(document, allowance=found.allowance)


def read_no_fields(request: HttpRequest) -> None:
    """Accept no body or an empty object: the token says everything."""
    if request.META.get("CONTENT_LENGTH") not in (None, "", "0"):
        read_fields(read_object(request), {})


def _hash_of(key: str) -> str:
    body = read_key(key)
    if body is None:
        raise _unknown_license()
    return hash_of(body)


def _unknown_license() -> UnknownLicense:
    """Count the wrong key, which raises in the end, and return the refusal."""
    validation.count_wrong_secret(caller_ip())
    return UnknownLicense()


def _verdict(found: validation.Answer, at: datetime) -> dict[str, Any]:
    return {
        "valid": found.code in ACCEPTED,
        "code": found.code.value,
        "detail": DETAILS[found.code],
        "ts": written(at),
    }


def _license(snapshot: Snapshot | None, at: datetime) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    facts = snapshot.facts
    return {
        "id": str(snapshot.license_id),
        "plan": snapshot.plan,
        "product": facts.product,
        "status": state(facts.status, facts.starts_at, facts.expires_at, at),
        "expires_at": written(facts.expires_at),
        "max_devices": facts.max_devices,
        "active_devices": facts.active_devices,
        "version": snapshot.version,
    }


def _activation(activation: devices.Activation) -> dict[str, Any]:
    link, license = activation.device, activation.license
    return {
        "device": {
            "id": str(link.pk),
            "device_id": link.device_id,
            "name": link.name,
            "activated_at": written(link.activated_at),
        },
        "token": activation.token,
        "heartbeat_path": f"/api/v1/devices/{link.pk}/heartbeat",
        "next_in": limits.next_beat(),
        "license": {
            "id": str(license.pk),
            "plan": license.plan,
            "expires_at": written(license.expires_at),
            "max_devices": license.max_devices,
            "active_devices": activation.active_devices,
        },
    }
