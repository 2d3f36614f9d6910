"""Lines of templates are at most as long as those of the code."""

from pathlib import Path

from portal.settings import BASE_DIR

MAX_COLUMNS = 120


def test_no_line_of_an_html_template_is_longer_than_120_columns():
    long_lines = [
        f"{path.relative_to(BASE_DIR)}:{number} has {len(line)} columns"
        for path in sorted(Path(BASE_DIR / "templates").rglob("*.html"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > MAX_COLUMNS
    ]
    assert not long_lines, "\n".join(long_lines)
