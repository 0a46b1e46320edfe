"""Controls access to the page: a one-time token in the URL becomes a cookie; headers keep other sites out."""

from __future__ import annotations

import secrets
import threading

from fastapi import Request
from starlette.responses import Response

COOKIE = "ocrx_review"
"""Prefix of the cookie's name. A browser sends cookies to all ports of a host, so each review uses its own name."""

HEADER = "x-ocrx-review"
"""Header that the page's script sends with every change; a form on another site cannot send it."""

_HEADERS = {
    # Labels are shown as text only; if one ever reached the page as markup, nothing in it could run.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Access:
    """One-time tokens and the cookie that they are exchanged for."""

    def __init__(self) -> None:
        self._name = f"{COOKIE}_{secrets.token_hex(4)}"
        self._cookie = secrets.token_urlsafe(32)
        self._tokens: set[str] = set()
        self._lock = threading.Lock()

    def new_token(self) -> str:
        """Create a token for one browser.

        Returns:
            The token.
        """
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._tokens.add(token)
        return token

    def redeem(self, token: str, response: Response) -> bool:
        """Exchange a token for the cookie.

        Args:
            token: The token in the URL.
            response: The response that sets the cookie.

        Returns:
            Whether the token was valid; it is then used up.
        """
        with self._lock:
            known = token in self._tokens
            self._tokens.discard(token)
        if known:
            response.set_cookie(self._name, self._cookie, httponly=True, samesite="strict", path="/")
        return known

    def allows(self, request: Request) -> bool:
        """Check whether a request comes from a page of this review.

        Args:
            request: The request.

        Returns:
            Whether it has the cookie and, if it may change something, the header of the page's script.
        """
        given = request.cookies.get(self._name, "")
        known = secrets.compare_digest(given.encode(), self._cookie.encode())
        return known and (request.method in ("GET", "HEAD") or HEADER in request.headers)


def protect(response: Response) -> None:
    """Add the headers that limit what a browser does with a response.

    Args:
        response: The response.
    """
    response.headers.update(_HEADERS)
