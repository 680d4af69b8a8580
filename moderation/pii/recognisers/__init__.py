"""Recognisers of personal data, to be plugged into Presidio's registry.

Invariant: none of them reaches for the network; each one only reads the text it is given. Import the modules, not this
package: they load Presidio.
"""
