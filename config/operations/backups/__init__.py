"""Backups: taken in one snapshot, kept by rule, restored whole, proven by restoring them."""
