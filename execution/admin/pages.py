"""What the admin's own pages share: the frame around them, and who may see them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

View = Callable[..., HttpResponse]


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A whole page in the admin's frame."""
    request.current_app = admin.site.name
    return render(request, template, {**admin.site.each_context(request), "title": title, **context})


def part(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """A piece of a page, without the frame. Never kept by the browser: it shows what is true now."""
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    return response


def needs(permission: str, *, methods: tuple[str, ...] = ("GET", "HEAD")) -> Callable[[View], View]:
    """Only for people with this permission, and only with these methods."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods or not (permission == "" or request.user.has_perm(permission)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate
