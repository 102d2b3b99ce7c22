"""Why a reference was not recorded."""


class Refused(Exception):
    """The reference could not detect a defect, or is not to be trusted; the message says which and why."""
