"""Export and erase what the portal stores of a person, or of an account."""
