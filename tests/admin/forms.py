"""Filling in the admin's forms as a browser would."""

import re
from typing import Any

from django.test import Client
from django.urls import reverse

REASON = "fees changed on the first of the month"


def fields_of(html: str) -> dict[str, str]:
    """What the browser would send back from the page's form."""
    found = {}
    form = re.search(r'<form [^>]*id="\w+_form".*?</form>', html, re.DOTALL)
    assert form is not None
    for tag in re.findall(r"<input[^>]+>", form.group(0)):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        box = attributes.get("type") in {"checkbox", "radio"}
        if "name" in attributes and "__prefix__" not in attributes["name"] and (not box or " checked" in tag):
            found[attributes["name"]] = attributes.get("value", "on" if box else "")
    for name, body in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', form.group(0), re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', body)
        if "__prefix__" not in name:
            found[name] = chosen.group(1) if chosen else ""
    for name, body in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', form.group(0), re.DOTALL):
        found[name] = body.strip()
    return found


def edit(client: Client, name: str, pk: Any, /, **changes: Any) -> Any:
    """Open a row's form, change some fields, save."""
    address = reverse(f"admin:policies_{name}_change", args=[pk])
    fields = fields_of(client.get(address).content.decode())
    return client.post(address, {**fields, "reason": REASON, **changes})
