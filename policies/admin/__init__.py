"""The admin of what people decide. What needs figures of the machine is in `execution.admin`."""

from policies.admin import alert_rules, credentials, permissions, routing_settings, smart, tokens, users

__all__ = ["alert_rules", "credentials", "permissions", "routing_settings", "smart", "tokens", "users"]
