"""The audit trail as Django sees it: read only, over the schema `audit`."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models

from accounts.models.user import User
from config.kit.tenancy import OrganizationQuerySet


class AuditLogQuerySet(OrganizationQuerySet):
    def about(self, table: str, key: object) -> AuditLogQuerySet:
        return self.filter(entity_type=table, entity_id=str(key))


class AuditLog(models.Model):
    """One row change or business event. Only the database writes it (accounts/sql/audit.sql)."""

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor_kind = models.TextField()
    actor_id = models.TextField(null=True)
    impersonator_id = models.TextField(null=True)
    organization_id = models.UUIDField(null=True)
    action = models.TextField()
    entity_type = models.TextField()
    entity_id = models.TextField(null=True)
    old_values = models.JSONField(null=True)
    new_values = models.JSONField(null=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.TextField(null=True)
    request_id = models.TextField(null=True)
    db_user = models.TextField()

    objects = AuditLogQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = 'audit"."logs'
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name = "audit log entry"
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type} {self.entity_id or ''}".strip()

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is written by the database")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only")

    def is_by_staff(self, actor: User | None) -> bool:
        """True for what staff did, whatever they are now; `actor` is who `actor_id` names.

        The entry says so itself. Entries from before it did are known by today's role.
        """
        return bool(self.impersonator_id) or (actor is not None and actor.has_staff_role)
