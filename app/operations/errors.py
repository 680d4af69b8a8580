"""What can stop a backup or a restoration."""


class BackupError(Exception):
    """A backup cannot be made or used; the message names the thing, the reason and the next step."""
