"""How Unfold, the admin's theme, is set up. Functions are named, not imported: settings load before the apps."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static

SCRIPTS = ("page", "dialogs", "live", "failover")


def environment(request: HttpRequest) -> list[str] | None:
    """The label in the header: which installation this is."""
    name = settings.ENV["ENVIRONMENT_NAME"]
    return [name, "default"] if name else None


def title_prefix(request: HttpRequest) -> str:
    """The same in the browser's tab."""
    name = settings.ENV["ENVIRONMENT_NAME"]
    return f"{name} ·" if name else ""


def _script(name: str) -> Any:
    return lambda request: static(f"desk/{name}.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Routing platform",
    "SITE_HEADER": "Routing platform",
    "SITE_SYMBOL": "alt_route",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("desk/favicon.svg")},
    ],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "routing_platform.unfold.environment",
    "ENVIRONMENT_TITLE_PREFIX": "routing_platform.unfold.title_prefix",
    "DASHBOARD_CALLBACK": "execution.admin.desk.dashboard",
    "STYLES": [lambda request: static("desk/desk.css")],
    "SCRIPTS": [_script(name) for name in SCRIPTS],
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "execution.admin.navigation.sidebar",
    },
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
}
