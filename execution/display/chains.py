"""What a chain answers now, as words."""

from collections.abc import Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString

from execution.selectors.chains import ChainNow
from policies.display.words import SHAPES, Tone, word
from policies.domain.reasons import ReasonCode
from policies.domain.routing import HEALTH_CODES, Candidate


def answer_word(answer: ChainNow | None) -> SafeString:
    """`● binance`, `▲ bybit` when the primary is out, `■ none`; `● best of 6` where books decide for each order."""
    if answer is None:
        return word("disabled", Tone.OFF, "The primary is switched off; its signals are handled as an unknown name.")
    if answer.code == ReasonCode.STRATEGY_DISABLED:
        return word("denied", Tone.OFF, answer.why)
    if answer.compared:
        is_out = any(each.code in HEALTH_CODES for each in answer.steps)
        text = f"best of {len(answer.compared)}" if len(answer.compared) > 1 else answer.compared[0]
        told = f"Compared for each order: {', '.join(answer.compared)}. {answer.why}".strip()
        return word(text, Tone.WATCH if is_out else Tone.OK, told)
    if not answer.exchange:
        return word("none", Tone.ACT, answer.why)
    return word(answer.exchange, Tone.OK if answer.is_primary and not answer.why else Tone.WATCH, answer.why)


def answer_sentence(answer: ChainNow) -> SafeString:
    """The line above the failover editor."""
    if not answer.exchange:
        return format_html("A signal for <strong>{}</strong> is denied now: {}", answer.primary, answer.why)
    why = f" ({answer.primary}: {answer.why.rstrip('.')})." if answer.why else "."
    # The last resort: the chosen one is not healthy itself.
    tone = Tone.WATCH if answer.is_primary and answer.why else Tone.OK
    return format_html(
        "A signal for <strong>{}</strong> goes to {} now{}", answer.primary, word(answer.exchange, tone), why
    )


def order_sentence(answer: ChainNow, listed: Sequence[str]) -> str:
    """The order in which the exchanges are tried now, where that is not as listed."""
    return "" if tuple(listed) == answer.order else f" Tried in this order now: {' → '.join(answer.order)}."


def step_fate(step: Candidate, chosen: str) -> SafeString:
    """What the chain does with one of its exchanges now."""
    if step.exchange == chosen:
        return SafeString('<strong class="chosen">→ used now</strong>')
    if step.code == "LATER_IN_CHAIN":
        return SafeString('<span class="quiet">next in line</span>')
    return format_html(
        '<span title="{}"><span aria-hidden="true">{}</span> skipped <code>{}</code></span>',
        step.detail,
        SHAPES[Tone.OFF],
        step.code,
    )
