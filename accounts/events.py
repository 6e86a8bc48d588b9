"""What the ground floor announces to the storeys above, inside the transaction."""

from __future__ import annotations

from django.dispatch import Signal

organization_created = Signal()
"""Sent with `organization`: a new customer exists."""

credentials_changed = Signal()
"""Sent with `user` and `keep` (the key of the one session that goes on, or None): their password
changed, or they were locked out. Everything else that lets them in ends with it."""

organization_standing_changed = Signal()
"""Sent with `organization`: it was suspended, reinstated, closed or restored."""

organization_closing = Signal()
"""Sent with `organization`: it is about to close. A receiver vetoes by raising `Conflict`, or ends
what the organization holds there, in the same transaction."""

organization_restored = Signal()
"""Sent with `organization`: staff opened a closed one again. Receivers bring back what only its
closing ended, where that is safe."""

trail_alert_opened = Signal()
"""Sent with `alert`, a TrailAlert: something about the audit trail is to be looked at."""

user_closing = Signal()
"""Sent with `user`: the account is about to close. A receiver vetoes by raising `Conflict`."""

user_erased = Signal()
"""Sent with `user` and `addresses`, the e-mail addresses they had: a closed account is made
nameless. Receivers delete what names the person in their tables, in the same transaction."""

data_export_requested = Signal()
"""Sent with `export`: somebody asked for a copy of their data, or for all rows of a list."""

data_export_ended = Signal()
"""Sent with `export`: its file is ready, or cannot be made."""

member_joined = Signal()
"""Sent with `membership`: somebody accepted an invitation."""

member_role_changed = Signal()
"""Sent with `membership` and `before`, the role they had."""

member_removed = Signal()
"""Sent with `membership`, before it is deleted: the person left or was let go. What they hold for
the organization must open nothing any more."""

invitation_requested = Signal()
"""Sent with `invitation`: its mail is to be written."""

api_key_changed = Signal()
"""Sent with `key` and `change`: issued, confirmed, updated, disabled, enabled, rotated, revoked."""

api_limits_changed = Signal()
"""Sent with `organization`: its tier, its rate or its monthly quota is another now."""

api_session_stolen = Signal()
"""Sent with `user` and `client_name`: a token or code was used twice; what came of it is over."""

second_factor_reset = Signal()
"""Sent with `user`: staff removed the factors they had lost; they are to be told."""

account_mail_written = Signal()
"""Sent with `mail`, an AccountMail: one of the sign-in pages, written and to be sent."""

webhook_due = Signal()
"""Sent with `delivery_id`: a message waits to be sent to a customer's endpoint."""

bulk_job_due = Signal()
"""Sent with `job_id`: items of a bulk job wait to be done."""

bulk_job_ended = Signal()
"""Sent with `job`: no item of a bulk job waits any more."""

notification_mail_due = Signal()
"""Sent with `mail_id`: somebody is to be told by mail."""
