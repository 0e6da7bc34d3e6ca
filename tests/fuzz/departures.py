"""What may differ between Keras 3.15.1 and minidl, each with its reason; narrow, so that no fault hides."""

TABLE = []  # (name, reason, predicate of the case and both outcomes)


def departure(reason):
    """Add a predicate to the table."""
    return lambda predicate: TABLE.append((predicate.__name__, reason, predicate)) or predicate


def reason(case, theirs, ours):
    """Reason why the outcomes of this case may differ, or None."""
    return next((why for _, why, allows in TABLE if allows(case, theirs, ours)), None)
