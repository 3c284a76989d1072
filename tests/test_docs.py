"""Documents are true: printed tables are up to date, links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from policies.domain import reasons
from routing_platform import env

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_configuration_page_is_what_the_code_prints():
    assert (ROOT / "docs/configuration.md").read_text().endswith(env.as_markdown() + "\n")


def test_the_reason_codes_page_is_what_the_code_prints():
    assert (ROOT / "docs/reason-codes.md").read_text().endswith(reasons.as_markdown() + "\n")


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_management_command_that_is_named_exists(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))

    assert named - set(get_commands()) == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", page.read_text()))

    assert {name for name in named if name not in targets and f"`make {name}" in page.read_text()} == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page):
    named = set(
        re.findall(r"`((?:policies|execution|routing_platform|tests|deploy|docs)/[\w/{},.*-]+)`", page.read_text())
    )

    assert [name for name in named if not re.search(r"[{*]", name) and not (ROOT / name).exists()] == []


def test_decisions_fit_a_page_and_their_title_is_the_rule():
    for page in (ROOT / "docs/decisions").glob("*.md"):
        lines = page.read_text().splitlines()
        assert lines[0].startswith("# ")
        assert len(lines) <= 50
