"""The consolidated book of a smart choice as SVG: how deep all exchanges are together, and what of it is taken."""

from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from execution.display.explained import Panel
from policies.display.formats import amount, money

WIDTH, HEIGHT, FLOOR = 600, 131, 130
_MOST_LEVELS = 120
_SHOWN_TIMES = Decimal("2.5")
"""So many times the order is shown: what lies deeper says nothing about it."""


def book_chart(panel: Panel) -> SafeString:
    """Amount from left to right, price upwards; blue is taken, grey is left."""
    levels = panel.levels[:_MOST_LEVELS]
    taken = sum((level[2] for level in levels), Decimal(0))
    if not taken:
        return SafeString("")
    shown: list[tuple[Decimal, Decimal, Decimal, str]] = []
    total = Decimal(0)
    for level in levels:
        if total > taken * _SHOWN_TIMES and not any(each[2] for each in levels[len(shown) :]):
            break
        shown.append(level)
        total += level[1]
    return _drawn(panel, shown, min(total, taken * 4))


def _drawn(panel: Panel, levels: list[tuple[Decimal, Decimal, Decimal, str]], total: Decimal) -> SafeString:
    prices = [level[0] for level in levels]
    low, high = min(prices), max(prices)
    span = high - low or low / 10_000
    bars, at = SafeString(""), Decimal(0)
    for price, size, taken, slug in levels:
        height = 14 + float((price - low) / span) * (FLOOR - 24)
        for css, part in (("taken", taken), ("left", size - taken)):
            if part > 0 and at < total:
                width = float(min(part, total - at) / total) * WIDTH
                x = float(at / total) * WIDTH
                bars += format_html(
                    '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{} at {} on {}, {}</title></rect>',
                    *(css, f"{x:.1f}", f"{FLOOR - height:.1f}", f"{max(width, 0.6):.1f}", f"{height:.1f}"),
                    *(amount(part), _price(price), slug, css),
                )
                at += part
    exchanges = len({level[3] for level in levels if level[2]})
    label = (
        f"Consolidated book, {len(levels)} levels from {_price(prices[0])} to {_price(prices[-1])} {panel.quote}; the "
        f"order takes the blue part, from {exchanges} exchange{'s' if exchanges != 1 else ''}"
    )
    return format_html(
        '<svg class="book-chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<path class="axis" d="M0 {}H{}"/></svg><p class="book-axis num"><span>{} {}</span><span>{}</span></p>',
        *(WIDTH, HEIGHT, label, bars, FLOOR, WIDTH),
        *(_price(prices[0]), panel.quote, f"{_price(prices[-1])} {panel.quote}"),
    )


def _price(price: Decimal) -> str:
    """`64,210.40`; small prices with all their places."""
    return money(price) if price >= 1 else amount(price)
