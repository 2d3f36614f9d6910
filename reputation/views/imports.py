"""To come."""

urls: list = []
