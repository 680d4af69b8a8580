"""Text that somebody else wrote, for a terminal. Imports nothing, so that the offline verifier can use it too."""


def printable(text: str) -> str:
    """Nothing in it moves the cursor, changes a colour or turns a line around: such characters are shown as escapes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
