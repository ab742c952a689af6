"""Secrets of the sandboxes and of the demo's own senders; nothing real is behind any of them."""

BRAZE_KEY = "sandbox-only-api-key"
ECM_USER, ECM_PASSWORD = "commfleet", "sandbox-only-password"
CLIENT, CLIENT_SECRET, TENANT = "sandbox-client", "sandbox-only-secret", "sandbox-tenant"
MESSAGING_USER, MESSAGING_PASSWORD = "sandbox-account", "sandbox-only-password"
ALERTS = "sandbox-only-signing-secret"
SIGNING, TOKEN = "demo-signing-secret", "demo-upstream-token"
"""What senders sign with, and what they send where they cannot sign."""

ADDRESS_KEY = "an address key of the demo"
