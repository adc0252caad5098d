"""`backstory studio`: opens the page."""

from __future__ import annotations

import webbrowser

from backstory.errors import ConfigurationError


def run(port: int, no_browser: bool) -> None:
    """Serve the studio until interrupted; its address is the one line on stdout."""
    try:
        from backstory.studio.server import serve
    except ImportError as error:
        raise ConfigurationError(
            f"The studio needs the extra 'studio'; {error.name!r} is missing. Run: pip install 'backstory[studio]'."
        ) from None

    def ready(address: str) -> None:
        print(address, flush=True)
        if not no_browser:
            webbrowser.open(address)

    serve(port, ready)
