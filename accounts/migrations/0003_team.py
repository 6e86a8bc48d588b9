"""Invitations, and when a member was last active."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Lower, Now

import config.kit.ids


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_database_rules")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="first_steps_hidden_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="last_active_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=config.kit.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("updated_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("member", "Member"),
                            ("readonly", "Read only"),
                        ],
                        default="member",
                        max_length=16,
                    ),
                ),
                (
                    "token_hash",
                    models.CharField(blank=True, editable=False, max_length=64, null=True),
                ),
                ("expires_at", models.DateTimeField()),
                ("mails", models.PositiveSmallIntegerField(default=1)),
                (
                    "mail_due_at",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        models.F("mail_due_at"),
                        condition=models.Q(mail_due_at__isnull=False),
                        name="accounts_invitation_mail_due",
                    ),
                    models.Index(Lower("email"), name="accounts_invitation_email"),
                    models.Index(
                        fields=["organization", "-created_at"], name="accounts_invitation_recent"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        Lower("email"),
                        condition=models.Q(accepted_at=None, revoked_at=None),
                        name="accounts_invitation_live",
                    ),
                    models.UniqueConstraint(
                        models.F("token_hash"), name="accounts_invitation_token"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(expires_at__gt=models.F("created_at")),
                        name="accounts_invitation_expiry",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(role__in=["owner", "admin", "member", "readonly"]),
                        name="accounts_invitation_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(accepted_at=None) | models.Q(revoked_at=None),
                        name="accounts_invitation_one_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(email__regex=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"),
                        name="accounts_invitation_email_format",
                    ),
                ],
            },
        ),
    ]
