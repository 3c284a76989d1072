"""The app config that puts our admin site in place of Django's (kept out of any app's apps.py: Unfold needs that)."""

from django.contrib.admin.apps import AdminConfig


class RoutingAdminConfig(AdminConfig):
    default_site = "routing_platform.admin_site.RoutingAdminSite"
