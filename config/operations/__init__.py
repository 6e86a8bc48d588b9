"""Keeping the house alive: backups, health, metrics, replicas, maintenance. Needs every storey."""
