"""Erasure of users: the collector's own work, and the reports of the other services."""
