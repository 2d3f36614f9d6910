"""docs/architecture.md names files, functions and classes that exist, and covers all rules of the specification."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
# `folder/`, `path/file.html`, `path/file.py`, `path/file.py:function` or `path/file.py:Class.name`.
REFERENCES = sorted(set(re.findall(r"`((?:[\w.]+/)+(?:[\w.]+\.\w+(?::[\w.]+)?)?)`", DOCUMENT)))
RULES = re.findall(r"^\| (\d+) \| .* \| (`.*`) \|$", DOCUMENT, re.MULTILINE)


@cache
def names_in_module(path: Path) -> set[str]:
    """The functions, classes and constants of a module, and the members of its classes as Class.name."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        names |= defined_names(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for member in node.body for name in defined_names(member)}
    return names


def defined_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    return set()


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_reference_exists(reference):
    path, _, name = reference.partition(":")
    assert (ROOT / path).exists(), f"{path} does not exist"
    assert not name or name in names_in_module(ROOT / path), f"{path} has no {name}"


def test_all_15_rules_are_listed_with_a_function_of_their_file():
    assert [int(number) for number, _ in RULES] == list(range(1, 16))
    without_name = [number for number, files in RULES if not re.search(r"\.py:\w", files)]
    assert without_name == []


def test_every_folder_of_code_is_described():
    folders = {
        f"{path.parent.relative_to(ROOT)}/"
        for app in ("portal", "reputation")
        for path in ROOT.glob(f"{app}/*/__init__.py")
    }
    without_ideas = {"portal/management/", "portal/migrations/", "portal/templatetags/", "portal/views/"}
    without_ideas |= {f"reputation/{name}/" for name in ("demo", "management", "migrations", "templatetags")}
    assert folders - without_ideas - set(REFERENCES) == set()
