"""Social Security numbers, which are never stored, not even in a draft: SSN_PLACEHOLDER replaces them."""

import re
import unicodedata

SSN_PLACEHOLDER = "***-**-****"


def is_social_security_number(text: str) -> bool:
    """Whether the text has the digits of a Social Security number in its groups, 123-45-6789, or is the placeholder.

    Any separator counts, and characters that cannot be seen do not.
    """
    if text.strip() == SSN_PLACEHOLDER:
        return True
    plain = unicodedata.normalize("NFKC", text)
    visible = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    return bool(re.fullmatch(r"[\W_]*\d{3}[\W_]+\d{2}[\W_]+\d{4}[\W_]*", visible))
