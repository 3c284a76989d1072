"""Addresses of the API; a trailing slash is optional."""

from django.urls import re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from execution.api import (
    arbitrage_trade_views,
    arbitrage_views,
    cost_views,
    exchange_views,
    preference_views,
    price_views,
    route_views,
    views,
    webhook_views,
)

_ID = r"(?P<{}>[0-9a-f-]{{32,36}})"
_SIGNAL, _ORDER, _TRADE = _ID.format("signal_id"), _ID.format("order_id"), _ID.format("trade_id")

urlpatterns = [
    re_path(r"^signals/?$", views.SignalsView.as_view(), name="signals"),
    re_path(r"^signals/batch/?$", views.SignalBatchView.as_view(), name="signal-batch"),
    re_path(rf"^signals/{_SIGNAL}/?$", views.SignalView.as_view(), name="signal"),
    re_path(rf"^signals/{_SIGNAL}/cancel/?$", views.SignalCancelView.as_view(), name="signal-cancel"),
    re_path(r"^orders/?$", views.OrdersView.as_view(), name="orders"),
    re_path(rf"^orders/{_ORDER}/?$", views.OrderView.as_view(), name="order"),
    re_path(rf"^orders/{_ORDER}/cancel/?$", views.OrderCancelView.as_view(), name="order-cancel"),
    re_path(r"^positions/?$", views.PositionsView.as_view(), name="positions"),
    re_path(r"^tca/?$", cost_views.TcaView.as_view(), name="tca"),
    re_path(r"^tca/summary/?$", cost_views.TcaSummaryView.as_view(), name="tca-summary"),
    re_path(r"^fees/?$", cost_views.FeesView.as_view(), name="fees"),
    re_path(r"^route/?$", route_views.RouteView.as_view(), name="route"),
    re_path(r"^preferences/?$", preference_views.PreferencesView.as_view(), name="preferences"),
    re_path(r"^routing/stats/?$", route_views.RoutingStatsView.as_view(), name="routing-stats"),
    re_path(r"^execute/?$", views.ExecuteView.as_view(), name="execute"),
    re_path(r"^exchanges/status/?$", exchange_views.ExchangeStatusView.as_view(), name="exchange-status"),
    re_path(r"^prices/best/?$", price_views.BestPriceView.as_view(), name="best-price"),
    re_path(r"^arbitrage/opportunities/?$", arbitrage_views.OpportunitiesView.as_view(), name="arbitrage"),
    re_path(r"^arbitrage/execute/?$", arbitrage_trade_views.ExecuteArbitrageView.as_view(), name="arbitrage-execute"),
    re_path(r"^arbitrage/trades/?$", arbitrage_trade_views.ArbitrageTradesView.as_view(), name="arbitrage-trades"),
    re_path(
        rf"^arbitrage/trades/{_TRADE}/?$", arbitrage_trade_views.ArbitrageTradeView.as_view(), name="arbitrage-trade"
    ),
    re_path(r"^markets/?$", exchange_views.MarketsView.as_view(), name="markets"),
    re_path(
        r"^webhooks/tradingview/(?P<token>[^/]+)/?$", webhook_views.TradingViewWebhookView.as_view(), name="tradingview"
    ),
    re_path(r"^webhooks/signed/(?P<name>[^/]+)/?$", webhook_views.SignedWebhookView.as_view(), name="signed-webhook"),
    re_path(r"^schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
