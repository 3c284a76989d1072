"""The conditions of alert rules: each a pure function from what there is to what it finds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from execution.domain.breaker import BreakerState
from execution.domain.orders import OrderStatus
from execution.selectors.alerts.look import Look
from execution.selectors.attention import RESTORED, SILENT_AFTER_S
from execution.selectors.canaries import deaf_queues
from execution.selectors.questions import QUIET
from policies.display.formats import age_since
from policies.domain.alerts import Condition
from policies.domain.policy import Scope, TradingStatus
from policies.domain.trading_state import describe

EVERYTHING = "all"
NAMED = 5
FEWEST_REJECTIONS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now. `key`: what one alert is about. `scope`: what a rule can be limited to.

    `page` and `pk` name the page of the admin that shows it; without `pk` the list. `is_told`: another alert tells it
    too, so it opens none of its own; one that is open stays so.
    """

    key: str
    subject: str
    evidence: str
    page: str = ""
    pk: str = ""
    scope: str = ""
    is_told: bool = False


Evaluator = Callable[[Look, int], Iterable[Finding]]
"""From what there is and the rule's threshold (0 without one) to what is wrong."""

_OUT = frozenset({"DOWN", "BANNED"})
_NOT_USED = frozenset({"OFF", "HALTED", "MAINTENANCE"})


def _exchange_down(there: Look, threshold: int) -> Iterator[Finding]:
    down = [status for status in there.statuses if status.word in _OUT]
    on = [status for status in there.statuses if status.word not in _NOT_USED]
    all_out = len(down) > 1 and len(down) == len(on)
    if all_out:  # one cause, one alert
        names = _named([status.slug for status in down])
        yield Finding(EVERYTHING, "All exchanges are down", names, "policies_exchange")
    for status in down:
        found = _about_exchange(status.slug, f"{status.name} is {status.word.lower()}", status.sentence)
        yield replace(found, is_told=all_out)


def _exchange_degraded(there: Look, threshold: int) -> Iterator[Finding]:
    for status in there.statuses:
        if status.word == "DEGRADED":
            yield _about_exchange(status.slug, f"{status.name} is degraded", status.sentence)


def _about_exchange(slug: str, subject: str, evidence: str, key: str = "") -> Finding:
    return Finding(key or slug, subject, evidence, "policies_exchange", slug, scope=slug)


def _breaker_open(there: Look, threshold: int) -> Iterator[Finding]:
    for (exchange, credential), breaker in there.facts.breakers.items():
        if breaker.state == BreakerState.OPEN:
            of = f"{exchange}, one set of keys" if credential else exchange
            text = f"Since {breaker.since:%H:%M:%S} UTC: {breaker.cause or 'opened by a person'}"
            key = f"{exchange}:{credential}" if credential else exchange
            yield _about_exchange(exchange, f"Circuit breaker of {of} is open", text, key)


def _chain_out(there: Look, threshold: int) -> Iterator[Finding]:
    out = {slug: chain for slug, chain in there.chains.items() if not chain.exchange}
    if not out:
        return
    every = len(out) == len(there.chains)
    subject = "No exchange is left for any signal" if every else f"No exchange is left for {_named(sorted(out))}"
    first = next(iter(out.values()))
    yield Finding("", subject, first.why, "policies_failoverchain")


def _chain_out_of(there: Look, primary: str) -> Iterator[Finding]:
    chain = there.chains.get(primary)
    if chain is not None and not chain.exchange:
        yield Finding(primary, f"No exchange is left for {primary}", chain.why, "policies_failoverchain", scope=primary)


def _more_than(condition: Condition, what: str, within: str, page: str) -> Evaluator:
    def evaluate(there: Look, threshold: int) -> Iterator[Finding]:
        number = there.counts.get(condition, 0)
        if number > threshold:
            yield Finding("", f"{number:,} {what} within {within}", f"More than {threshold:,}.", page)

    return evaluate


def _rejections(there: Look, threshold: int) -> Iterator[Finding]:
    for exchange, (rejected, placed) in there.placed.items():
        if rejected >= FEWEST_REJECTIONS and rejected * 100 > threshold * placed:
            text = f"{rejected:,} of {placed:,} within five minutes, more than {threshold} %."
            yield _about_exchange(exchange, f"{exchange} rejects {100 * rejected // placed} % of our orders", text)


def _queue_age(there: Look, threshold: int) -> Iterator[Finding]:
    since = there.waits_since
    if since is not None and (there.now - since).total_seconds() > threshold:
        number = there.counts[Condition.QUEUE_AGE]
        subject = f"{number:,} signals or orders wait" if number > 1 else "A signal or order waits"
        yield Finding("", f"{subject} to be sent", f"The oldest for {age_since(since, there.now)}.", "execution_signal")


def _orders_unknown(there: Look, threshold: int) -> Iterator[Finding]:
    old = [
        doubt
        for doubt in there.doubts
        if doubt.status == OrderStatus.UNKNOWN and (there.now - doubt.since).total_seconds() > threshold
    ]
    if old:
        oldest = min(old, key=lambda doubt: doubt.since)
        subject = f"{len(old):,} orders are unknown" if len(old) > 1 else "An order is unknown"
        text = f"The oldest for {age_since(oldest.since, there.now)}: {oldest.exchange} {oldest.what}."
        yield Finding("", subject, text, "execution_order", oldest.pk)


def _order_attention(there: Look, threshold: int) -> Iterator[Finding]:
    for doubt in there.doubts:
        if doubt.status == OrderStatus.NEEDS_ATTENTION:
            text = f"Sent {age_since(doubt.since, there.now)} ago; nothing like it is sent until it is settled."
            subject = f"Order at {doubt.exchange} needs a person: {doubt.what}"
            yield Finding(doubt.pk, subject, text, "execution_order", doubt.pk)


def _orphan_order(there: Look, threshold: int) -> Iterator[Finding]:
    for stray in there.questions.strays:
        if stray.is_ours:
            text = f"It is {stray.status}, id {stray.exchange_order_id}."
            scope = stray.account.exchange
            yield Finding(stray.pk, f"Orphan order: {stray.text}", text, "execution_orphan", scope=scope)


def _balance_break(there: Look, threshold: int) -> Iterator[Finding]:
    for found in there.questions.differences:
        text = f"Expected {found.expected.normalize():f}, there is {found.actual.normalize():f} {found.asset}."
        scope = found.account.exchange
        yield Finding(found.pk, f"Balance differs: {found.text}", text, "execution_bookbreak", scope=scope)


def _account_unreconciled(there: Look, threshold: int) -> Iterator[Finding]:
    for row in there.questions.uncompared:
        if row.error or there.now - row.since > QUIET:
            yield Finding(row.pk, f"Account not compared: {row.account}", row.error or row.reason,
                          "execution_reconciliation", scope=row.account.exchange)  # fmt: skip


def _credential_frozen(there: Look, threshold: int) -> Iterator[Finding]:
    for keys in there.policy.credentials.values():
        if keys.frozen:
            rule = there.policy.permissions.get(keys.user_id)
            who = rule.username if rule is not None else f"user {keys.user_id}"
            yield Finding(keys.id, f"Keys of {who} at {keys.exchange} are frozen", f"Mode {keys.mode}.",
                          "policies_exchangecredential", keys.id, scope=keys.exchange)  # fmt: skip


def _trading_state(there: Look, threshold: int) -> Iterator[Finding]:
    for (scope, target), state in there.policy.states.items():
        what = "Everything" if scope == Scope.GLOBAL else f"{scope.value} {target}"
        said = "halted" if state.status == TradingStatus.HALTED else "reduce only"
        key = f"{scope.value}:{target}:{state.status.value}"
        yield Finding(key, f"{what}: {said}", describe(state), "policies_tradingstate")


def _queue_deaf(there: Look, threshold: int) -> Iterator[Finding]:
    heard_at = dict(there.heard_at)
    for queue in deaf_queues(heard_at, there.now):
        last = f"The last arrived {age_since(heard_at[queue], there.now)} ago." if heard_at[queue] else "None ever did."
        yield Finding(queue, f"Messages of the queue {queue} do not arrive", last, scope=queue)


def _silent(kind: str, subject: str) -> Evaluator:
    def evaluate(there: Look, threshold: int) -> Iterator[Finding]:
        seen = there.seen_at.get(kind)
        if seen is None or (there.now - seen).total_seconds() > SILENT_AFTER_S:
            last = f"Last seen {age_since(seen, there.now)} ago." if seen else "It was never seen."
            yield Finding("", subject, last)

    return evaluate


def _database_restored(there: Look, threshold: int) -> Iterator[Finding]:
    state = there.policy.states.get((Scope.GLOBAL, ""))
    if state is not None and state.status == TradingStatus.HALTED and state.reason.startswith(RESTORED):
        yield Finding("", RESTORED, state.reason, "policies_tradingstate")


def _one_legged(there: Look, threshold: int) -> Iterator[Finding]:
    for trade in there.one_legged:
        subject = f"One-legged arbitrage in {trade.status}"
        yield Finding(trade.pk, subject, trade.what, "execution_arbitragetrade", trade.pk)


def _named(slugs: list[str]) -> str:
    more = f" and {len(slugs) - NAMED} more" if len(slugs) > NAMED else ""
    return ", ".join(slugs[:NAMED]) + more


EVALUATORS: Mapping[Condition, Evaluator] = {
    Condition.EXCHANGE_DOWN: _exchange_down,
    Condition.EXCHANGE_DEGRADED: _exchange_degraded,
    Condition.BREAKER_OPEN: _breaker_open,
    Condition.CHAIN_OUT: _chain_out,
    Condition.FAILOVERS: _more_than(Condition.FAILOVERS, "failovers", "a minute", "execution_signal"),
    Condition.DENIALS: _more_than(Condition.DENIALS, "denials", "an hour", "execution_signal"),
    Condition.REJECTIONS: _rejections,
    Condition.QUEUE_AGE: _queue_age,
    Condition.ORDERS_UNKNOWN: _orders_unknown,
    Condition.ORDER_ATTENTION: _order_attention,
    Condition.ORPHAN_ORDER: _orphan_order,
    Condition.BALANCE_BREAK: _balance_break,
    Condition.ACCOUNT_UNRECONCILED: _account_unreconciled,
    Condition.CREDENTIAL_FROZEN: _credential_frozen,
    Condition.TRADING_STATE: _trading_state,
    Condition.QUEUE_DEAF: _queue_deaf,
    Condition.BEAT_SILENT: _silent("beat", "The scheduler (beat) is silent"),
    Condition.WORKER_SILENT: _silent("worker", "No worker is alive"),
    Condition.WEBHOOK_REFUSALS: _more_than(
        Condition.WEBHOOK_REFUSALS, "webhook refusals", "an hour", "execution_webhookdelivery"
    ),
    Condition.DATABASE_RESTORED: _database_restored,
    Condition.ARBITRAGE_ONE_LEGGED: _one_legged,
}


def findings(
    there: Look, condition: Condition, *, threshold: int, scope: str, chains_are_told: bool = False
) -> list[Finding]:
    """What a rule finds: of its condition, within its scope. A key comes at most once.

    chains_are_told: whoever this rule tells is told of chains without an exchange as well.
    """
    if condition == Condition.CHAIN_OUT and scope:
        found: Iterable[Finding] = _chain_out_of(there, scope)
    else:
        found = EVALUATORS[condition](there, threshold)
        if scope:
            # Who asked for one exchange hears of it when all are out, too.
            found = [replace(finding, is_told=False) for finding in found if finding.scope == scope]
        elif chains_are_told:
            found = [replace(finding, is_told=finding.is_told or finding.key == EVERYTHING) for finding in found]
    return list({finding.key: finding for finding in found}.values())
