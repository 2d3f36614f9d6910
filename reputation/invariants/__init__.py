"""What must hold in the database at any moment: each invariant is a query that finds the rows that violate it.

`manage.py check_invariants` checks them all in one snapshot. Each module has the invariants of one subject.
"""
