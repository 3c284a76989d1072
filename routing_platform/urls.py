"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from routing_platform import probes

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("execution.api.urls")),
    re_path(r"^health/?$", probes.health, name="health"),
    re_path(r"^ready/?$", probes.ready, name="ready"),
    re_path(r"^metrics/?$", probes.metrics, name="metrics"),
]

handler400 = "execution.api.errors.bad_request"
handler404 = "execution.api.errors.not_found"
handler500 = "execution.api.errors.server_error"
