"""What people do about an order whose fate is in doubt. Each rule is in `execution.services.resolve`."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from execution.models import Order
from execution.selectors.evidence import value_of
from execution.services import resolve
from policies.admin.dialogs import PlainDialog, ReasonDialog, dialog_action

ACTIONS = ("take", "look_again", "it_is_there", "never_placed")


class FoundDialog(ReasonDialog):
    """Which order it is at the exchange."""

    form_before_template = "desk/attention/order_facts.html"
    error_fields = {"taken": "exchange_order_id"}
    exchange_order_id = forms.CharField(
        label="The exchange's own order id",
        max_length=resolve.MAX_ID,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false", "autofocus": True}),
        error_messages={"required": "Copy the exchange's own order id here."},
    )
    field_order = ("exchange_order_id", "reason")

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return _told(object_id)


class NeverPlacedDialog(ReasonDialog):
    """Shows what changes, and wants to know that somebody looked."""

    form_before_template = "desk/attention/never_placed.html"
    looked = forms.BooleanField(
        label="I looked at the exchange itself and it is not there.",
        widget=UnfoldBooleanWidget(),
        error_messages={"required": "Look there first: at its open orders, its closed orders and its trades."},
    )
    field_order = ("looked", "reason")

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return _told(object_id)


def _told(object_id: Any) -> dict[str, Any]:
    """What the dialogs say of the order; {} when there is none."""
    order = Order.objects.filter(pk=object_id).select_related("user", "signal").first()
    if order is None:
        return {}
    alike = Order.objects.filter(
        status="needs_attention", user=order.user_id, symbol=order.symbol, signal__strategy_id=order.signal.strategy_id
    )
    return {
        "order": order,
        "value": value_of(order),
        "now": timezone.now(),
        "obstacle": resolve.why_not_never_placed(order, timezone.now()),
        "still_paused": alike.exclude(pk=order.pk).exists(),
    }


class ResolveActions:
    """For the admin of orders: taking, looking up, and the two ways in which a person settles it."""

    def has_resolve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may cancel an order may find out what became of it."""
        return request.user.has_perm("execution.change_order")

    @dialog_action(
        description="Take",
        permissions=["resolve"],
        title="Take this order",
        text="Everybody sees that you look into it. It changes nothing else.",
        submit="Take",
        icon="back_hand",
    )
    def take(self, request: HttpRequest, row: Order, answers: dict[str, Any]) -> str:
        resolve.take(row.pk, by=request.user)  # type: ignore[arg-type]
        return f"You look into order {row.client_order_id[:8]}…"

    @dialog_action(
        description="Look up again",
        permissions=["resolve"],
        title="Look this order up again",
        text="The exchange is asked as soon as a worker can. Asking changes nothing there.",
        submit="Look up",
        icon="search",
        form_class=PlainDialog,
    )
    def look_again(self, request: HttpRequest, row: Order, answers: dict[str, Any]) -> str:
        resolve.look_again(row.pk, by=request.user)  # type: ignore[arg-type]
        return f"{row.exchange_id} is asked about order {row.client_order_id[:8]}… now."

    @dialog_action(
        description="It is there…",
        permissions=["resolve"],
        title="It is at the exchange",
        text="The id is only a pointer: it is looked up under it at once, and what was filled the exchange says.",
        submit="Look it up under this id",
        icon="pin_drop",
        form_class=FoundDialog,
    )
    def it_is_there(self, request: HttpRequest, row: Order, answers: dict[str, Any]) -> str:
        theirs = answers["exchange_order_id"]
        resolve.it_is_there(row.pk, theirs, by=request.user, reason=answers["reason"])  # type: ignore[arg-type]
        return f"{row.exchange_id} is asked about its order {theirs} now."

    @dialog_action(
        description="Never placed…",
        permissions=["resolve"],
        title="It was never placed",
        text="Only when you are sure: if it is there after all, nobody here will know of it.",
        submit="It was never placed",
        icon="block",
        form_class=NeverPlacedDialog,
    )
    def never_placed(self, request: HttpRequest, row: Order, answers: dict[str, Any]) -> str:
        resolve.never_placed(row.pk, by=request.user, reason=answers["reason"])  # type: ignore[arg-type]
        return f"Order {row.client_order_id[:8]}… was never placed. Nothing is sent again."
