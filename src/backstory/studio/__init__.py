"""The studio: a page, and a notebook widget, in which a network is seen, trained, questioned and checked.

`session.Session` holds the state and handles messages; the page's server, the widget and the tests use it alike. The
front end lives in ``static/``: plain ES modules, no build step, nothing fetched from elsewhere.
"""
