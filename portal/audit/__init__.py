from portal.audit.record import SYSTEM, Actor, record, record_changes

__all__ = ["SYSTEM", "Actor", "record", "record_changes"]
