"""The role table as templates see it."""

import re

from portal.accounts.roles import Permission, get_template_flags
from portal.environment import BASE_DIR

TEMPLATES = sorted((BASE_DIR / "templates").rglob("*.html"))


def test_templates_use_only_existing_permissions():
    asked = {flag for path in TEMPLATES for flag in re.findall(r"\bmay\.(\w+)", path.read_text())}
    assert asked
    assert asked <= set(map(str, Permission))


def test_no_template_compares_roles():
    comparing = re.compile(r"\bmember\.(role\b|may_|is_|can_)|\.(is_superuser|staff_role)\b")
    assert [path.name for path in TEMPLATES if comparing.search(path.read_text())] == []


def test_flags_name_every_permission():
    flags = get_template_flags({Permission.EDIT_ACCOUNT})
    assert set(flags) == set(map(str, Permission))
    assert [flag for flag, is_set in flags.items() if is_set] == ["edit_account"]
