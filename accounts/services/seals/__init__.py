"""Sealing the audit trail, verifying it, and telling when something is wrong."""
