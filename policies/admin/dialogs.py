"""Row and page actions that change something: always a dialog, so never on GET, never without permission and reason."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from policies.domain.policy import Scope
from policies.forms.base import reason_field
from policies.services import check_reason


class PlainDialog(BaseDialogForm):  # type: ignore[misc]
    """Asks nothing but whether. What no field is to blame for is said at its end.

    error_fields: code of an error -> the field it is shown at, where they are not called the same.
    """

    form_after_template = "desk/dialog_errors.html"
    error_fields: ClassVar[Mapping[str, str]] = {}

    def get_after_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"errors": self.non_field_errors()}

    def show(self, error: ValidationError) -> None:
        """Say what was wrong at the field it concerns, else at the reason, else below all."""
        field = self.error_fields.get(error.code or "", error.code)
        known = next((name for name in (field, "reason") if name in self.fields), None)
        self.add_error(known, error.messages[0])


class ReasonDialog(PlainDialog):
    """Asks why."""

    reason = reason_field("Why")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The page under the dialog may have a form with the same fields.
        super().__init__(*args, auto_id="dialog_%s", **kwargs)

    def clean_reason(self) -> str:
        return check_reason(self.cleaned_data["reason"])


def dialog_action(
    *,
    description: str,
    permissions: Sequence[str],
    title: str,
    text: str,
    submit: str,
    icon: str,
    form_class: type[PlainDialog] = PlainDialog,
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Callable[[Any, HttpRequest, Any, dict[str, Any]], str | HttpResponse]], Any]:
    """Turn `method(self, request, row, answers) -> message` into an action of Unfold that opens a dialog first.

    `permissions` are names of methods (`has_<name>_permission`). A ValidationError is shown in the dialog, and nothing
    has happened then. A method that returns a response has it shown in the dialog's place.
    """
    dialog = {"title": title, "description": text, "form_class": form_class, "form_submit_text": submit}

    def decorate(method: Callable[[Any, HttpRequest, Any, dict[str, Any]], str | HttpResponse]) -> Any:
        @wraps(method)
        def run(self: Any, request: HttpRequest, form: PlainDialog, object_id: str) -> HttpResponse:
            row = find_or_404(self.get_queryset(request), object_id)
            try:
                done = method(self, request, row, form.cleaned_data)
            except ValidationError as e:
                form.show(e)
                context = {"dialog": dialog, "form": form, "form_submit_text": submit}
                return render(request, "unfold/helpers/dialog.html", context)
            if isinstance(done, HttpResponse):
                return done
            self.message_user(request, done)
            return reload_page(request)

        return action(description=description, permissions=permissions, icon=icon, variant=variant, dialog=dialog)(run)

    return decorate


def reason_action(
    *, form_class: type[ReasonDialog] = ReasonDialog, **options: Any
) -> Callable[[Callable[..., str | HttpResponse]], Any]:
    """The same for `method(self, request, row, reason) -> message`; other fields of the form are keyword arguments."""

    def decorate(method: Callable[..., str | HttpResponse]) -> Any:
        @wraps(method)
        def answered(self: Any, request: HttpRequest, row: Any, answers: dict[str, Any]) -> str | HttpResponse:
            others = {name: value for name, value in answers.items() if name not in ("reason", "_form_submitted")}
            return method(self, request, row, answers["reason"], **others)

        return dialog_action(form_class=form_class, **options)(answered)

    return decorate


def show_once(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """Put a page's part in the place of the dialog. It is in no session, message or log, and kept by no cache."""
    response = render(request, template, context)
    response["Cache-Control"] = "no-store"
    # The dialog's form asks for a part of the answer only; this answer is all there is.
    response["HX-Retarget"], response["HX-Reselect"], response["HX-Reswap"] = "#dialog", "#shown-once", "innerHTML"
    return response


def reload_page(request: HttpRequest) -> HttpResponse:
    """Close the dialog by loading the page under it again."""
    here = urlsplit(request.headers.get("HX-Current-URL", ""))
    address = f"{here.path}?{here.query}" if here.query else here.path
    return HttpResponse(status=204, headers={"HX-Redirect": address or reverse("admin:index")})


def find_or_404(rows: QuerySet[Any], pk: str) -> Any:
    """The row with that key among those the reader may see; a key that is no key at all is not there either."""
    try:
        return get_object_or_404(rows, pk=pk)
    except (ValueError, ValidationError) as e:
        raise Http404 from e


class HaltRow:
    """Adds "Halt…" to the rows of a list: it opens the halt dialog with that row marked. It changes nothing itself."""

    halt_scope: Scope

    def halt_target(self, row: Any) -> str:
        """What the trading state calls this row."""
        return str(row.pk)

    def has_halt_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether this person may halt trading."""
        return request.user.has_perm("policies.halt")

    @action(description="Halt…", permissions=["halt"], icon="front_hand", attrs={"data-halt": "true"})  # type: ignore[untyped-decorator]
    def halt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The halt dialog for this row."""
        row = find_or_404(self.get_queryset(request), object_id)  # type: ignore[attr-defined]
        return redirect(f"{reverse('admin:halt')}?mark={self.halt_scope}:{self.halt_target(row)}")
