"""The FastAPI application: the page and the requests of its script."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment
from pydantic import BaseModel, Field
from starlette.responses import Response

from ocrx.errors import OcrxError
from ocrx.files import to_json
from ocrx.review.access import Access, protect
from ocrx.review.decision_request import DecisionRequest
from ocrx.review.decisions import ConflictError
from ocrx.review.line_order import Filter
from ocrx.review.model_in_use import ModelInUse
from ocrx.review.session import ReviewSession

_STATIC = {"review.js": "text/javascript", "review.css": "text/css"}
_MAX_BUTTONS = 400
_MIN_RARE = 0x7F  # every keyboard has the characters below


class PlainJson(JSONResponse):
    """JSON that UTF-8 can hold: names of files may have bytes that are not UTF-8, and so lone surrogates."""

    def render(self, content: Any) -> bytes:
        """Serialise the content.

        Args:
            content: Plain values.

        Returns:
            The body of the response.
        """
        return to_json(content).encode()


class DecideRequest(BaseModel):
    """A decision as sent by the page; see ``DecisionRequest``."""

    line: str
    status: Literal["accepted", "unreadable", "skipped"]
    text: str = ""
    turns: int = Field(0, ge=0, le=3)
    revision: int
    reviewer: str = Field(min_length=1, max_length=64)


class UndoRequest(BaseModel):
    """A request to undo the reviewer's last decision."""

    reviewer: str = Field(min_length=1, max_length=64)


class TrainRequest(BaseModel):
    """A request to train, with its time limit."""

    minutes: float = Field(10, gt=0, le=100_000)


@dataclass(frozen=True)
class Tab:
    """A browser tab and its filter."""

    name: str
    wanted: Filter


def _tab(
    tab: Annotated[str, Query(min_length=1, max_length=64)],
    status: str = "open",
    finding: str = "",
    part: str = "",
    text: str = "",
    min_error: float = 0.0,
    order: Literal["", "mixed"] = "",
) -> Tab:
    return Tab(tab, Filter(status, finding, part, text, min_error, order == "mixed"))


_Tab = Annotated[Tab, Depends(_tab)]


def create_app(
    session: ReviewSession, model: ModelInUse, access: Access, on_start: Callable[[], None] | None = None
) -> FastAPI:
    """Build the application.

    Args:
        session: The review.
        model: The model that reads and is fine-tuned.
        access: Controls access to the page.
        on_start: Called once when the server is ready to respond.

    Returns:
        The application.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if on_start is not None:
            threading.Thread(target=on_start, daemon=True).start()
        yield

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, default_response_class=PlainJson)
    _add_errors(app, session)
    _add_page(app, session, access)
    _add_lines(app, session)
    _add_decisions(app, session)
    _add_training(app, session, model)

    @app.middleware("http")
    async def check(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path.startswith("/static/") or access.allows(request):
            response = await call_next(request)
        elif request.url.path == "/" and (token := request.query_params.get("token")):
            response = RedirectResponse("/", status_code=303)
            if not access.redeem(token, response):
                response = _refusal("this address was used before")
        else:
            response = _refusal("this browser does not belong to the review")
        protect(response)
        return response

    return app


def _refusal(reason: str) -> Response:
    message = f"{reason}: open the address that `ocrx review` printed, or add a browser from an open page"
    return PlainJson({"error": message}, status_code=401)


def _add_errors(app: FastAPI, session: ReviewSession) -> None:
    @app.exception_handler(OcrxError)
    def answer(request: Request, error: OcrxError) -> Response:
        body: dict[str, Any] = {"error": error.message, "hint": error.hint}
        return PlainJson(body, status_code=409 if isinstance(error, ConflictError) else 422)

    @app.exception_handler(RequestValidationError)
    def refuse(request: Request, error: RequestValidationError) -> Response:
        # FastAPI's own answer repeats what was sent, which JSON may not be able to hold.
        found = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        return PlainJson({"error": "; ".join(found[:5]), "hint": None}, status_code=422)


def _add_page(app: FastAPI, session: ReviewSession, access: Access) -> None:
    package = files("ocrx.review")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(package.joinpath("templates/review.html").read_text("utf-8"))
    static = {name: package.joinpath(f"static/{name}").read_bytes() for name in _STATIC}

    @app.get("/")
    def page() -> Response:
        folder = session.folder
        html = template.render(
            title=folder.root.absolute().name,
            characters=_rare_characters(session),
        )
        return HTMLResponse(html.encode("utf-8", errors="replace"), headers={"Cache-Control": "no-store"})

    @app.get("/static/{name}")
    def asset(name: str) -> Response:
        if name not in static:
            return PlainJson({"error": f"{name}: no such file"}, status_code=404)
        return Response(static[name], media_type=_STATIC[name], headers={"Cache-Control": "no-cache"})

    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    @app.post("/api/invite")
    def invite(request: Request) -> dict[str, str]:
        return {"address": f"{request.base_url}?token={access.new_token()}"}


def _add_lines(app: FastAPI, session: ReviewSession) -> None:
    @app.get("/api/next")
    def following(tab: _Tab, current: str | None = None) -> dict[str, Any]:
        line = session.navigation.following(tab.name, current, tab.wanted)
        return {"line": line, "upcoming": session.navigation.upcoming(tab.name, tab.wanted)}

    @app.get("/api/previous")
    def previous(tab: _Tab, current: str = "") -> dict[str, Any]:
        return {"line": session.navigation.previous(tab.name, current, tab.wanted)}

    @app.get("/api/line")
    def jump(tab: _Tab, key: str) -> dict[str, Any]:
        return {"line": session.navigation.jump(tab.name, key, tab.wanted)}

    @app.get("/api/search")
    def search(text: str = "") -> dict[str, Any]:
        return {"lines": session.search(text)}

    @app.get("/api/image")
    def image(line: str, turns: int = 0) -> Response:
        buffer = io.BytesIO()
        session.image(line, turns).save(buffer, "PNG", compress_level=1)
        # The URL contains the time of the file, so that the browser may cache the image.
        return Response(buffer.getvalue(), media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})

    @app.get("/api/reading")
    def reading(line: str, turns: int = 0) -> dict[str, Any]:
        return session.read(line, turns)


def _add_decisions(app: FastAPI, session: ReviewSession) -> None:
    @app.post("/api/decide")
    def decide(sent: DecideRequest, tab: _Tab) -> Response:
        decision = DecisionRequest(sent.line, sent.status, sent.text, sent.turns, sent.revision, sent.reviewer)
        try:
            session.decide(decision)
        except ConflictError as error:
            return PlainJson({"error": error.message, "line": session.view(sent.line)}, status_code=409)
        line = session.navigation.following(tab.name, sent.line, tab.wanted)
        upcoming = session.navigation.upcoming(tab.name, tab.wanted)
        return PlainJson({"decided": session.view(sent.line), "line": line, "upcoming": upcoming})

    @app.post("/api/undo")
    def undo(sent: UndoRequest) -> dict[str, Any]:
        key = session.undo(sent.reviewer)
        return {"line": None if key is None else session.view(key)}

    @app.post("/api/finish")
    def finish() -> dict[str, Any]:
        report = session.finish()
        return {
            "changed": report.changed,
            "removed": report.removed,
            "turned": report.turned,
            "outside": list(report.outside),
            "files": sorted(report.files),
            "backups": sorted(set(report.backups.values())),
        }


def _add_training(app: FastAPI, session: ReviewSession, model: ModelInUse) -> None:
    @app.get("/api/progress")
    def progress() -> dict[str, Any]:
        return {**session.progress(), "training": model.fine_tuning.to_dict()}

    @app.post("/api/train")
    def train(sent: TrainRequest) -> dict[str, Any]:
        model.train(sent.minutes)
        return model.fine_tuning.to_dict()

    @app.post("/api/train/stop")
    def stop() -> dict[str, Any]:
        model.fine_tuning.stop()
        return model.fine_tuning.to_dict()


def _rare_characters(session: ReviewSession) -> list[str]:
    """List characters of labels and dict.txt that a keyboard may lack, the frequent ones first."""
    counts: Counter[str] = session.count_characters()
    dataset = session.folder.dataset
    known = dataset.charset.characters if dataset and dataset.charset else ()
    ordered = [*(c for c, _ in counts.most_common()), *(c for c in known if c not in counts)]
    return [c for c in ordered if ord(c[0]) > _MIN_RARE and c.isprintable()][:_MAX_BUTTONS]
