"""Social Security numbers, which are never stored, not even in a draft: SSN_PLACEHOLDER replaces them."""

import re

SSN_PATTERN = re.compile(r"\s*\d{3}[-\s\u2010-\u2015]\d{2}[-\s\u2010-\u2015]\d{4}\s*")
SSN_PLACEHOLDER = "***-**-****"
