"""The cases of ``benchmarks/attack.py`` that send requests: to ``ocrx serve`` and to ``ocrx review``.

A case starts the command as a user would, sends it requests from another thread, and ends it with SIGTERM. Every
request that HTTP allows has to be answered, never with status 500, and refusals have to say why. Requests that are
damaged as a whole may remain without an answer, but the server has to go on.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

from attack_cases import dump, image_bytes, line_image, mutate, png_bomb, replace_somewhere, value
from attack_client import Conversation, Request, ask, ask_damaged, wait_for

REQUESTS = 10
_TEXTS = (
    "", "a", "one", "0", "-1", "true", "nan", "1e999", "9" * 400, "x" * 20_000, "\x00", "\t", "\n", "\r\n\r\n", "é",
    "e\u0301", "\u202e", "\ud800", "\U0001f600", "../../etc/passwd", "/dev/zero", "<b>", "%00", "a.png", "a.png#2",
)  # fmt: skip


def text(rng: random.Random) -> str:
    """A value of a field that no one expects, or a plain one."""
    return rng.choice(_TEXTS) if rng.random() < 0.8 else rng.randbytes(8).decode("latin-1")


def _query(rng: random.Random, values: dict[str, str]) -> str:
    """A query, with a value replaced or given twice now and then."""
    pairs = list(values.items())
    if rng.random() < 0.4:
        pairs.append((rng.choice([*values, "unknown"]), text(rng)))
    if pairs and rng.random() < 0.2:
        pairs.pop(rng.randrange(len(pairs)))
    encoded = [(name, quote_from_bytes(held.encode("utf-8", "surrogatepass"))) for name, held in pairs]
    return "&".join(f"{name}={held}" for name, held in encoded)


def _odd_headers(rng: random.Random) -> dict[str, str]:
    """Headers that HTTP allows, with values that an application may not expect."""
    kinds = (
        "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=é",
        f"multipart/form-data; boundary={'b' * 500}", "text/plain", "", ";;;", "multipart/form-data; boundary*0*=a'b'c",
    )  # fmt: skip

    odd = {
        "Content-Type": rng.choice(kinds),
        "Content-Encoding": rng.choice(("gzip", "identity", "")),
        "Authorization": rng.choice(("Bearer ", "Bearer é", "Basic eA==", "x" * 3000)),
        "Host": rng.choice(("127.0.0.1", "[::1]", "[", "evil.example", "")),
        "Origin": rng.choice(("null", "http://evil.example", "http://[", "http://127.0.0.1")),
        "Cookie": rng.choice(("a=b", "=", ";;", "ocrx_review=é", "x" * 3000)),
        "Accept": "\xff",
    }
    return {name: odd[name] for name in rng.sample(sorted(odd), rng.randrange(3))}


# Requests to ``ocrx serve``.


def _upload(rng: random.Random) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return b""
    if kind == 1:
        return rng.randbytes(200)
    if kind == 2:
        return png_bomb()
    if kind == 3:
        buffer, pages = io.BytesIO(), [line_image(rng).convert("RGB") for _ in range(rng.randrange(1, 4))]
        pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:])
        return mutate(buffer.getvalue(), rng) if rng.random() < 0.7 else buffer.getvalue()

    if kind < 6:
        buffer = io.BytesIO()
        line_image(rng).convert("L").save(buffer, "PNG")
        return buffer.getvalue()
    return image_bytes(rng)


def _field(rng: random.Random, address: str) -> tuple[str, str]:
    """A field of the form beside its images."""
    parts = ("a", "[", "]", "(", ")", "{9}", "{1,999999}", "*", "+", "?", "|", r"\d", r"\p", "^", "$", ".", "(?=a)")
    urls = (f"{address}/health", f"{address}/docs", "http://127.0.0.1:1/", "http://", "file:///etc/passwd", "http://[")
    name = rng.choice(
        ("pattern", "lexicon", "lexicon_margin", "allow", "deny", "beam", "details", "lines", "orientation", "url",
         "lm", "lm_weight", "unknown")
    )  # fmt: skip

    if rng.random() < 0.05:
        long = {"pattern": "a?" * 10**6, "lexicon": "\n".join(map(str, range(200_000))), "allow": "ab" * 10**6}
        return rng.choice(sorted(long.items()))
    plain = {
        "pattern": "".join(rng.choices(parts, k=rng.randrange(1, 12))),
        "lexicon": "\n".join(rng.choices(("one", "zwei", "", "x" * 5000, "ſ"), k=20)),
        "lexicon_margin": str(rng.random()),
        "beam": rng.choice(("1", "5", "100", "101")),
        "details": rng.choice(("true", "0")),
        "lines": rng.choice(("one", "split")),
        "orientation": rng.choice(("none", "auto")),
        "url": rng.choice(urls),
    }
    return name, plain[name] if name in plain and rng.random() < 0.6 else text(rng)


def _form(rng: random.Random, address: str) -> Request:
    """Images and options as a form, its parts in a form that HTTP allows and a client may not send."""
    boundary = rng.choice(("b", "x" * 70, "a'b", "b-"))
    names = ("a.png", "../../a.png", "", "\\", '\\"', "é", "x" * 2000, "\x00", "a.pdf", "/dev/zero")
    parts = []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        name = rng.choice(("filename", "filename", "filename*", "filename*0*"))
        file = f'name="image"; {name}="{rng.choice(names)}"'
        parts.append((rng.choice((file, file, 'name="image"', 'name=image; filename="a', "")), _upload(rng)))
    for _ in range(rng.choice((0, 0, 1, 1, 2, 70))):
        name, held = _field(rng, address)
        parts.append((f'name="{name}"', held.encode("utf-8", "surrogatepass")))

    rng.shuffle(parts)
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n"
        % (boundary.encode(), disposition.encode("latin-1", "replace"), held)
        for disposition, held in parts
    )
    body += b"--%s--\r\n" % boundary.encode()
    if rng.random() < 0.25:
        body = mutate(body, rng)
    path = rng.choice(("/v1/lines",) * 9 + ("/v1/pages",))
    kind = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
    return Request("POST", path, {**kind, **(_odd_headers(rng) if rng.random() < 0.15 else {})}, body)


def _ocr(rng: random.Random, address: str) -> Request:
    """A request in PaddleX's shape. Its image is a line as a rule, so that few are looked through by the detector."""
    encoded = base64.b64encode(_upload(rng)).decode()
    file = rng.choice((encoded, encoded[:-1], f"data:image/png;base64,{encoded}", f"{address}/health", text(rng)))
    if rng.random() < 0.01:
        return Request("POST", "/ocr", {}, b'{"file": "x", "visualize": [' + b"[]," * 20_000_000 + b"0]}")
    body: Any = {"file": file, "fileType": rng.choice((0, 1, None)), "logId": text(rng)}
    more = ("useDocUnwarping", "textDetThresh", "textRecScoreThresh", "visualize", "unknown")
    body |= {name: value(rng, 2) for name in rng.sample(more, rng.randrange(3))}
    data = dump(replace_somewhere(body, rng) if rng.random() < 0.5 else body)
    return Request(
        "POST", "/ocr", {"Content-Type": "application/json"}, mutate(data, rng) if rng.random() < 0.3 else data
    )


def _other(rng: random.Random, address: str) -> Request:
    """Any method on any path, with odd headers."""
    paths = (
        "/",
        "/health",
        "/v1/models",
        "/metrics",
        "/docs",
        "/v1/lines",
        "/ocr",
        "/%00",
        "/..%2f..",
        "//",
        "/a?b=%ff",
    )

    method = rng.choice(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "X"))
    return Request(
        method, rng.choice(paths), _odd_headers(rng), rng.choice((b"", b"{}", b"[" * 50_000, rng.randbytes(99)))
    )


def attack_serve(rng: random.Random, folder: Path) -> Conversation:
    """Damaged forms, fields, JSON, headers and images for a server, within limits of all sizes."""
    limits = rng.choice(([], [], ["--max-pixels", "2000"], ["--max-images", "1"], ["--queue", "256"], ["--allow-urls"]))
    if rng.random() < 0.1:
        (folder / "tokens.txt").write_text(f"{rng.getrandbits(128):032x}\n")
        limits = [*limits, "--token-file", str(folder / "tokens.txt")]
    makers: list[Callable[[random.Random, str], Request]] = [_form, _form, _form, _ocr, _other]

    def talk(address: str) -> None:
        wait_for(address, "/health")
        for _ in range(REQUESTS):
            request = rng.choice(makers)(rng, address)
            raw = request.raw(urlsplit(address).netloc)
            if rng.random() < 0.2:
                ask_damaged(address, mutate(raw, rng))
            elif rng.random() < 0.02:
                # Whoever sends a body all the same, and does not wait for the word, may miss an early answer.
                ask_damaged(address, raw.replace(b"\r\n", b"\r\nExpect: 100-continue\r\n", 1))
            else:
                ask(address, request)
        assert ask(address, Request("GET", "/health")).status == 200

    more = ["--port", "0", "--model", "printed_en", "--backend", "onnx", "--beam", "1", "--threads", "1"]
    return Conversation(["serve", *more, *limits], talk)


# Requests to ``ocrx review``.


def _lines(rng: random.Random, folder: Path) -> None:
    """A small dataset, its label file damaged now and then, one image in a format and state of any kind."""
    for number in range(3):
        line_image(rng).convert("L").save(folder / f"{number}.png")
    (folder / "a.png").write_bytes(image_bytes(rng))
    names = ["0.png", "1.png", "2.png", "a.png", "a.png", "missing.png"]
    if rng.random() < 0.2:
        names.append(rng.choice(("/dev/zero", "pipe.png", "../case/a.png", "\x00", "x" * 300)))
        os.mkfifo(folder / "pipe.png")
    rows = [(name, rng.choice(("one", "zwei", "ſ", "١٢", ""))) for name in names]

    files = {
        "train.txt": "".join(f"{name}\t{label}\n" for name, label in rows),
        "label.txt": "".join(f"{name}\t{label}\n" for name, label in rows),
        "train.csv": "file_name,text\n" + "".join(f'{name},"{label}"\n' for name, label in rows),
        "metadata.jsonl": "".join(json.dumps({"file_name": name, "text": label}) + "\n" for name, label in rows),
    }
    name = rng.choice((*files, "train.txt", ""))
    if name:
        data = files[name].encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1")), "replace")
        (folder / name).write_bytes(mutate(data, rng) if rng.random() < 0.4 else data)
    if name == "train.txt":
        (folder / "val.txt").write_bytes(b"1.png\tone\n")


def _journals(rng: random.Random, folder: Path) -> None:
    """What an earlier review, or a rewriting of the labels that was interrupted, left behind, with wrong values."""
    state = {"status": "accepted", "text": "one", "label": "zwei", "turns": 0, "image": "", "revision": 1}
    entries: list[Any] = [
        {"ocrx_review": 1, "transcription": False},
        {"n": 1, "at": 1.5, "by": "me", "line": "0.png", **state},
        {"n": 2, "at": 2.5, "by": "me", "line": "1.png", **state, "turns": 1, "image": "00"},
        {"n": 3, "at": 3.5, "by": "me", "undo": 2},
        {"n": 4, "at": 4.5, "finish": {"train.txt": "00"}},
        {"n": 5, "at": 5.5, "model": "training/run_1/output/best_accuracy"},
    ]

    if rng.random() < 0.6:
        number = rng.randrange(len(entries))
        entries[number] = replace_somewhere(entries[number], rng)
    data = b"".join(dump(entry) + b"\n" for entry in entries[: rng.randrange(1, 7)])
    (folder / ".ocrx-review").mkdir()
    (folder / ".ocrx-review" / "journal.jsonl").write_bytes(mutate(data, rng) if rng.random() < 0.3 else data)
    if rng.random() < 0.3:
        odd = ("train.txt", "missing", "", "\x00", "x" * 300, "..", ".ocrx-review", "0.png")
        plan: Any = {"put": rng.choices(odd, k=2), "remove": rng.choices(odd, k=1), "record": rng.choice((None, {}, 1))}
        (folder / ".ocrx-rewrite.json").write_bytes(dump(replace_somewhere(plan, rng) if rng.random() < 0.5 else plan))


def _action(rng: random.Random, line: dict[str, Any]) -> Request:
    """What the page's script sends about a line, with wrong values now and then."""
    key = str(line.get("key", "0.png")) if rng.random() < 0.8 else text(rng)
    tab = {
        "tab": "t",
        "status": rng.choice(("open", "all", "corrected", "x")),
        "min_error": rng.choice(("0", "0.5", "nan")),
    }
    turns = str(rng.choice((0, 1, 3, -1, 10**6)))
    paths = {
        "/api/next": {**tab, "current": key},
        "/api/previous": {**tab, "current": key},
        "/api/line": {**tab, "key": key},
        "/api/search": {"text": text(rng)},
        "/api/image": {"line": key, "turns": turns},
        "/api/reading": {"line": key, "turns": turns},
        "/api/progress": {},
    }
    if rng.random() < 0.4:
        path = rng.choice(sorted(paths))
        return Request("GET", f"{path}?{_query(rng, paths[path])}")

    decided = rng.choice(("accepted", "accepted", "unreadable", "skipped"))
    decision: Any = {
        "line": key, "status": decided, "text": rng.choice(("new", text(rng))), "turns": rng.choice((0, 0, 1, 2)),
        "revision": line.get("revision", 0), "reviewer": "me",
    }  # fmt: skip
    bodies: dict[str, Any] = {
        "/api/decide": decision,
        "/api/undo": {"reviewer": "me"},
        "/api/finish": {},
        "/api/train": {"minutes": 1},
        "/api/train/stop": {},
        "/api/invite": {},
    }
    path = rng.choice(("/api/decide", "/api/decide", "/api/decide", *sorted(bodies)))
    body = replace_somewhere(bodies[path], rng) if rng.random() < 0.3 else bodies[path]
    data = mutate(dump(body), rng) if rng.random() < 0.1 else dump(body)
    headers = {"Content-Type": "application/json", **(_odd_headers(rng) if rng.random() < 0.1 else {})}
    return Request("POST", f"{path}?{_query(rng, tab)}" if path == "/api/decide" else path, headers, data)


def attack_review(rng: random.Random, folder: Path) -> Conversation:
    """Damaged labels, journals and actions for a review."""
    _lines(rng, folder)
    if rng.random() < 0.6:
        _journals(rng, folder)

    def talk(announced: str) -> None:
        address, _, token = announced.partition("/?token=")
        wait_for(address, "/static/review.css")
        answer = ask(address, Request("GET", f"/?token={token}"))
        cookie = answer.headers["set-cookie"].partition(";")[0]

        for _ in range(REQUESTS):
            own = {"Cookie": cookie, "X-Ocrx-Review": "1"}
            shown = ask(address, Request("GET", "/api/next?tab=t&status=all", own))
            line = json.loads(shown.content).get("line") or {} if shown.status == 200 else {}
            request = _action(rng, line)
            request.headers = {**own, **request.headers}
            if rng.random() < 0.15:
                ask_damaged(address, mutate(request.raw(urlsplit(address).netloc), rng))
            else:
                ask(address, request)
        assert ask(address, Request("GET", "/", own)).status == 200

    model = rng.choice(("none", "none", "none", "printed_en"))
    return Conversation(["review", str(folder), "--no-browser", "--json", "--model", model], talk)


FAMILIES: dict[str, tuple[Callable[[random.Random, Path], Conversation], int]] = {
    "serve": (attack_serve, 3),
    "review": (attack_review, 2),
}
"""Name → what makes a case, and how many of a hundred cases are of this kind."""
