"""The provider that docs/providers.md builds, and the stand-in of its vendor."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from tests.support.acme import KEY, run_stand_in


@pytest.fixture
def documented(settings, tmp_path, monkeypatch):
    """The module of the example in docs/providers.md, unchanged."""
    page = (Path(settings.BASE_DIR) / "docs" / "providers.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "acme_reputation.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ACME_KEY", KEY)
    monkeypatch.delitem(sys.modules, "acme_reputation", raising=False)
    yield importlib.import_module("acme_reputation")
    sys.modules.pop("acme_reputation", None)


@pytest.fixture
def stand_in():
    """The vendor of the example."""
    with run_stand_in() as state:
        yield state
