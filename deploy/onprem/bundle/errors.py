"""What can go wrong while a bundle is built."""


class BundleError(Exception):
    """The bundle cannot be built; the message names the thing, the reason and the next step."""
