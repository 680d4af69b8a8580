"""The WSGI application and the gunicorn that serves it."""
