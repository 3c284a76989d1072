"""Policy as one reviewed YAML file: dump what is, apply what should be, show the difference.

Only what the file names is changed; nothing is deleted. Unknown names and wrong values are refused with their line,
and then nothing at all is applied.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from policies.policy_sections import SECTIONS, Section


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one row: what it is and what the file wants."""

    section: str
    key: str
    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.section}.{self.key}.{self.field}: {_shown(self.old)} -> {_shown(self.new)}"


class PolicyFileError(Exception):
    """The file cannot be applied; the text has a line for each problem."""


def dump() -> str:
    """All policy as YAML, sorted, ready to be edited and applied again. Secrets are not part of it."""
    found = {section.name: {key: _plain(section.read(key)) for key in section.rows()} for section in SECTIONS.values()}
    header = "# Routing policy. Edit, then: manage.py apply_policy FILE --dry-run\n"
    return header + yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110)


def plan(text: str) -> list[Change]:
    """The changes that applying this file would make: they are made and taken back, so that no refusal comes later.

    Raises PolicyFileError.
    """
    with transaction.atomic():
        changes = apply(text, reason="Tried, and taken back.", by=None)
        transaction.set_rollback(True)
    return changes


@transaction.atomic
def apply(text: str, *, reason: str, by: User | None) -> list[Change]:
    """Make the changes, all or none, each with history. Raises PolicyFileError."""
    made = []
    for section, key, line, changes in _planned(text):
        if not changes:
            continue
        try:
            section.write(key, {change.field: change.new for change in changes}, reason, by)
        except ValidationError as e:
            raise PolicyFileError(f"line {line}: {section.name}.{key}: {' '.join(e.messages)}") from e
        made += changes
    return made


_Planned = tuple[Section, str, int, list[Change]]


def _planned(text: str) -> list[_Planned]:
    problems: list[str] = []
    planned = list(_read(text, problems))
    if problems:
        raise PolicyFileError("\n".join(problems))
    return planned


def _read(text: str, problems: list[str]) -> Iterator[_Planned]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as e:
        problems.append(f"not valid YAML: {e}")
        return
    for name, name_line, rows in _entries(root, problems, "the file"):
        section = SECTIONS.get(name)
        if section is None:
            problems.append(f"line {name_line}: unknown section {name!r}; there are {', '.join(SECTIONS)}.")
            continue
        for key, line, fields in _entries(rows, problems, name):
            yield from _read_row(section, key, line, fields, problems)


def _read_row(
    section: Section, key: str, line: int, fields: yaml.Node | None, problems: list[str]
) -> Iterator[_Planned]:
    try:
        current = section.read(key)
    except ValidationError as e:
        problems.append(f"line {line}: {section.name}.{key}: {' '.join(e.messages)}")
        return
    changes = []
    for field, field_line, node in _entries(fields, problems, f"{section.name}.{key}"):
        convert = section.fields.get(field)
        if convert is None:
            known = ", ".join(section.fields)
            problems.append(f"line {field_line}: {section.name}.{key} has no field {field!r}; it has {known}.")
            continue
        new = _converted(convert, node, f"line {field_line}: {section.name}.{key}.{field}", problems)
        if new != current.get(field):
            changes.append(Change(section.name, key, field, current.get(field), new))
    yield section, key, line, changes


def _converted(convert: Callable[[Any], Any], node: yaml.Node | None, where: str, problems: list[str]) -> Any:
    value = yaml.SafeLoader("").construct_object(node, deep=True) if node is not None else None
    try:
        return convert(value)
    except (ValueError, TypeError, ArithmeticError) as e:
        problems.append(f"{where}: {e}")
        return None


def _entries(node: yaml.Node | None, problems: list[str], where: str) -> Iterator[tuple[str, int, yaml.Node | None]]:
    """Key, line and value node of a mapping; keys that repeat are a problem, not a surprise."""
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in {"", "null", "~"}):
        return
    if not isinstance(node, yaml.MappingNode):
        problems.append(f"line {node.start_mark.line + 1}: {where} must be a mapping.")
        return
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value in seen:
            problems.append(f"line {line}: {key.value!r} is there twice.")
        seen.add(key.value)
        yield str(key.value), line, value


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _yaml_value(value) for name, value in values.items()}


def _yaml_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _yaml_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_yaml_value(item) for item in value]
    return value if isinstance(value, (bool, int, str)) or value is None else str(value)


def _shown(value: Any) -> str:
    return "(none)" if value is None or value == "" else str(_yaml_value(value))
