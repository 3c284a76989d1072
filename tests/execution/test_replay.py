"""Stored decisions made again: the same under the same rules, and told when a draft would change them."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from execution.domain.prepared import Depths
from execution.domain.replay import replay
from execution.selectors.stored_decisions import stored_decisions
from policies.models import Exchange, RoutingSettings
from policies.snapshot import compile_policy
from tests.admin import world


@pytest.fixture
def decided(db):
    """A split, a single order by its chain, and a denial."""
    Exchange.objects.update(mode="paper")
    sender = world.trader("algo1")
    began = timezone.now()
    split = world.make_signal(sender, "executing", amount="4.5", routing_strategy="optimal_split")
    world.decide(split, "", source="smart", ordering="optimal_split", explanation=world.split_explanation())
    plain = world.make_signal(sender, "filled", amount="0.1", strategy_id="")
    chain = [{"exchange": "binance", "code": "", "detail": ""}] + [
        {"exchange": slug, "code": "LATER_IN_CHAIN", "detail": "Usable."} for slug in world.CHAIN[1:]
    ]
    world.decide(plain, "binance", source="default", ordering="as_listed", candidates=chain)
    denied = world.make_signal(sender, "denied", amount="0.1", strategy_id="")
    out = [{"exchange": slug, "code": "EXCHANGE_DOWN", "detail": "HTTP 503"} for slug in world.CHAIN]
    world.decide(denied, "", source="default", reason_code="NO_HEALTHY_EXCHANGE", candidates=out)
    return began


def run(*args):
    out = StringIO()
    call_command("replay_decisions", "--since", "1h", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_same_rules_make_the_same_decisions(decided):
    policy, depths = compile_policy(), Depths()
    since = decided - timedelta(hours=1)

    found = [replay(stored, policy, depths) for stored in stored_decisions(since, timezone.now())]

    assert [each.changed for each in found] == [False, False, False]
    assert " + " in found[0].then
    assert found[0].cost_bps == pytest.approx(0, abs=1e-3)
    assert "3 decision(s) made again, 0 would go elsewhere." in run()


def test_a_draft_is_tried_and_taken_back(decided, tmp_path):
    draft = tmp_path / "draft.yaml"
    draft.write_text(
        "routing_settings: {all: {default_exchange: kraken}}\nrouting_strategies: {optimal_split: {max_legs: 1}}\n"
    )

    text = run("--policy", str(draft))

    assert "2 would go elsewhere" in text
    assert "binance -> kraken" in text
    assert " bps)" in text
    assert RoutingSettings.objects.get().default_exchange_id == "binance"


def test_what_every_strategy_would_have_cost(decided):
    text = run("--strategies", "--quiet")

    assert "optimal_split" in text
    assert "bps more than the cheapest" in text


def test_a_file_or_a_time_that_makes_no_sense_is_refused(decided, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("routing_strategies: {optimal_split: {priice: 5}}\n")

    with pytest.raises(CommandError, match="line 1"):
        run("--policy", str(wrong))
    with pytest.raises(CommandError, match="neither an instant"):
        call_command("replay_decisions", "--since", "yesterday")
