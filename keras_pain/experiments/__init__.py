"""Protocols, methods, the runner and the result store."""
