"""The demo page: a client portal with the widget in it."""
