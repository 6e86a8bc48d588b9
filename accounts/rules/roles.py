"""Who may do what: one table that API, dashboard and back office read."""

from __future__ import annotations

from enum import StrEnum


class OrganizationRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    READONLY = "readonly"


class PlatformRole(StrEnum):
    CUSTOMER = "customer"
    SUPPORT = "support"
    READONLY = "readonly"
    ADMIN = "admin"


STAFF = frozenset({PlatformRole.SUPPORT, PlatformRole.READONLY, PlatformRole.ADMIN})

_MEMBER = frozenset({"view", "reveal_key", "manage_devices"})
_ADMIN = _MEMBER | {
    "buy",
    "manage_licenses",
    "manage_billing",
    "manage_organization",
    "manage_team",
    "manage_keys",
    "manage_webhooks",
    "start_trial",
    "view_audit",
}
ORGANIZATION_PERMISSIONS: dict[str, frozenset[str]] = {
    OrganizationRole.OWNER: _ADMIN
    | {"manage_owners", "transfer_ownership", "close_organization", "export_organization"},
    OrganizationRole.ADMIN: _ADMIN,
    OrganizationRole.MEMBER: _MEMBER,
    OrganizationRole.READONLY: frozenset({"view"}),
}

# Back office: what a staff role may do besides looking (every staff role may look).
STAFF_PERMISSIONS: dict[str, frozenset[str]] = {
    PlatformRole.READONLY: frozenset(),
    PlatformRole.SUPPORT: frozenset(
        {
            "accounts.disable_apikey",
            "licensing.suspend_license",
            "licensing.deactivate_devicelink",
            "licensing.export_license",
            "licensing.export_devicelink",
            "licensing.extend_trialworkspace",
            "billing.replay_stripeevent",
            "accounts.replay_webhookdelivery",
            "operations.retry_task",
            "support.add_adminnote",
            "support.change_adminnote",
        }
    ),
    PlatformRole.ADMIN: frozenset(
        {
            "support.add_adminnote",
            "support.change_adminnote",
            "constance.change_config",
            "accounts.export_user",
            "accounts.export_organization",
            "accounts.export_auditlog",
            "accounts.export_webhookendpoint",
            "accounts.switch_webhookendpoint",
            "accounts.replay_webhookdelivery",
            "accounts.impersonate_user",
            "accounts.resolve_trailalert",
            "billing.export_subscription",
            "billing.export_order",
            "billing.export_invoice",
            "billing.export_paymentattempt",
            "billing.export_transaction",
            "licensing.export_license",
            "licensing.export_devicelink",
            "accounts.suspend_user",
            "accounts.suspend_organization",
            "accounts.export_apikey",
            "accounts.disable_apikey",
            "accounts.revoke_apikey",
            "accounts.grant_platform_verify",
            "accounts.restore_organization",
            "accounts.change_role",
            "accounts.reset_second_factor",
            "licensing.suspend_license",
            "licensing.revoke_license",
            "licensing.extend_trialworkspace",
            "licensing.cancel_trialworkspace",
            "licensing.export_trialworkspace",
            "licensing.deactivate_devicelink",
            "billing.replay_stripeevent",
            "operations.retry_task",
            "billing.change_product",
            "billing.add_product",
            "billing.add_price",
            "billing.change_price",
        }
    ),
}


def organization_allows(role: str, permission: str) -> bool:
    return permission in ORGANIZATION_PERMISSIONS.get(role, frozenset())


def staff_allows(role: str, permission: str) -> bool:
    """Answer for a Django permission name such as `billing.view_invoice`."""
    if role not in STAFF:
        return False
    action = permission.partition(".")[2]
    return action.startswith("view_") or permission in STAFF_PERMISSIONS.get(role, frozenset())
