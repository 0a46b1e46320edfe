"""Models by name: package, cache, wheel, hub, PaddleX's server; one good cache entry or a named error."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from support.paddle_checkpoint import renamed, write_pdparams
from support.paddle_writer import Written, program_of, write_pir
from support.recipes import CHARACTERS, network_of
from support.web_server import Web, web_server

from ocrx.errors import ConfigError, ModelError
from ocrx.inference.discovery import find_model
from ocrx.model_folder import read_spec
from ocrx.modes import import_model
from ocrx.training.pretrained import resolve_pretrained
from ocrx.zoo import downloading, sources
from ocrx.zoo.hub import PADDLEX_SERVER
from ocrx.zoo.key_maps import paddle_key_map
from ocrx.zoo.sources import cached_model, locate, obtain, obtain_url, remove

NAME = "PP-OCRv6_tiny_rec"
HUB = f"/PaddlePaddle/{NAME}/resolve/main"
PADDLEX = f"/paddlex/official_inference_model/paddle3.0.0/{NAME}_infer.tar"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a model as they are published, with few classes."""
    network, _ = network_of(NAME)
    fuse = getattr(network, "fuse", None)
    assert fuse is not None
    folder = tmp_path_factory.mktemp("published")
    program: Written = program_of(fuse())
    write_pir(program, folder)
    settings = {"Global": {"model_name": NAME}, "PostProcess": {"character_dict": list(CHARACTERS)}}
    (folder / "inference.yml").write_text(json.dumps(settings), encoding="utf-8")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with web_server() as web:
        monkeypatch.setenv("OCRX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        monkeypatch.setenv("OCRX_PADDLEX_URL", web.url)
        monkeypatch.delenv("OCRX_OFFLINE", raising=False)
        monkeypatch.setattr(sources, "_WHEELS", {})
        yield web


@pytest.fixture
def hub(web: Web, published: dict[str, bytes]) -> Web:
    web.files.update({f"{HUB}/{name}": content for name, content in published.items()})
    return web


def tar_of(files: dict[str, bytes]) -> bytes:
    """A published archive; a content that is one of tarfile's types makes a link or a device."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{NAME}_infer/{name}")
            if content in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
                info.type, info.linkname = content, "/etc/passwd"
                tar.addfile(info)
                continue
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_the_first_use_downloads_and_the_second_does_not(hub: Web, tmp_path: Path) -> None:
    assert locate(NAME).place == "download"
    folder = find_model(NAME)
    assert hub.count == 3
    assert folder == tmp_path / "cache" / "models" / NAME
    assert (folder / "inference" / "model.onnx").is_file(), "so that reading needs no torch"
    spec = read_spec(folder)
    assert spec.name == NAME and spec.charset == (*CHARACTERS, " ")
    assert spec.origin is not None
    assert spec.origin.address == f"{hub.url}{HUB}/inference.pdiparams" and len(spec.origin.sha256) == 64
    assert find_model(NAME) == folder and hub.count == 3
    assert locate(NAME).place == "cached"
    assert entries(tmp_path / "cache" / "downloads") == []


def test_downloads_are_announced(hub: Web, caplog: pytest.LogCaptureFixture) -> None:
    obtain(NAME)
    lines = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert lines == [f"{NAME}: downloading from {hub.url}/PaddlePaddle/{NAME} (about 4.4 MB, Apache-2.0)"]


def test_a_broken_connection_is_resumed(hub: Web, published: dict[str, bytes]) -> None:
    size = len(published["inference.pdiparams"])
    hub.cuts[f"{HUB}/inference.pdiparams"] = [size // 2]
    obtain(NAME)
    assert hub.ranges == [f"bytes={size // 2}-"]


def test_without_the_hub_paddlex_is_used(web: Web, published: dict[str, bytes]) -> None:
    web.files[PADDLEX] = tar_of(published)
    folder = obtain(NAME)
    origin = read_spec(folder).origin
    assert origin is not None and origin.address == f"{PADDLEX_SERVER}{PADDLEX}"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_no_source_has_the_model(status: int, web: Web, tmp_path: Path) -> None:
    for path in (f"{HUB}/inference.yml", PADDLEX):
        web.statuses[path] = status
    with pytest.raises(ModelError, match=f"{NAME}: cannot be downloaded: .*{status}.*{status}"):
        obtain(NAME)
    assert cached_model(NAME) is None and entries(tmp_path / "cache" / "models") == []


def _stalled(web: Web) -> None:
    web.stalls.update((f"{HUB}/inference.yml", PADDLEX))
    web.files.update({f"{HUB}/inference.yml": b"x" * 100, PADDLEX: b"x" * 100})


def _redirected(web: Web) -> None:
    web.redirects.update(dict.fromkeys((f"{HUB}/inference.yml", PADDLEX), "file:///etc/passwd"))


def _cut(web: Web) -> None:
    web.files[PADDLEX] = bytes(5000)
    web.cuts[PADDLEX] = [100, 100, 100, 100]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_stalled, r"no answer within 0\.2 s.*no answer within 0\.2 s"),
        (_redirected, r"redirected to file:.*redirected to file:|not allowed.*not allowed"),
        (_cut, r"answered 404.*400 of 5000 bytes received"),
    ],
    ids=["stall", "redirect to a file", "cut four times"],
)
def test_a_server_that_misbehaves_is_named_and_leaves_no_entry(
    spoil: Callable[[Web], None], message: str, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrx.zoo.hub.download", partial(downloading.download, stall_s=0.2))
    spoil(web)
    with pytest.raises(ModelError, match=f"{NAME}: cannot be downloaded: .*{message}"):
        obtain(NAME)
    assert cached_model(NAME) is None and entries(tmp_path / "cache" / "models") == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.parametrize("limit", [1000, 200_000], ids=["in the download", "in the import"])
def test_a_disk_that_is_full(limit: int, hub: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    """No file of the process may grow beyond the limit: writing fails as on a full disk, wherever it happens."""
    if limit > 1000:
        limit = max(map(len, published.values())) + 1000  # the download fits, the weights beside its export do not
    script = (
        "import resource, sys; from ocrx.errors import OcrxError; from ocrx.zoo import importer, sources\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        f"try: sources.obtain({NAME!r})\n"
        "except OcrxError as error: sys.exit(f'{type(error).__name__}: {error}')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 1 and "cannot be written" in done.stderr.splitlines()[-1], done.stderr
    assert entries(tmp_path / "cache" / "models") == []
    assert find_model(NAME) == tmp_path / "cache" / "models" / NAME, "with room again, the next attempt succeeds"


def test_a_changed_hash_names_both(hub: Web, published: dict[str, bytes]) -> None:
    before = read_spec(obtain(NAME)).origin
    assert before is not None and remove(NAME) and cached_model(NAME) is None
    content = published["inference.pdiparams"]
    hub.files[f"{HUB}/inference.pdiparams"] = content[:-4] + b"\0\0\0\0"
    with pytest.raises(
        ModelError, match=f"its sha256 is [0-9a-f]{{64}}; that of an earlier download was {before.sha256}"
    ):
        obtain(NAME)
    assert cached_model(NAME) is None


def test_damaged_files_leave_nothing(hub: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    hub.files[f"{HUB}/inference.pdiparams"] = published["inference.pdiparams"][:-100]
    with pytest.raises(ModelError, match="the file ends too early"):
        obtain(NAME)
    assert entries(tmp_path / "cache" / "models") == [] and entries(tmp_path / "cache" / "downloads") == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"../../evil": b"x"}, "leads outside"),
        ({"evil": tarfile.SYMTYPE}, "not a regular file"),
        ({"evil": tarfile.LNKTYPE}, "not a regular file"),
        ({"evil": tarfile.CHRTYPE}, "not a regular file"),
        ({"a": b"x", "b": bytes(3000)}, "more than"),
    ],
    ids=["outside", "link", "hard link", "device", "bomb"],
)
@pytest.mark.parametrize("local", [False, True], ids=["downloaded", "local"])
def test_a_bad_archive(
    files: dict[str, bytes], message: str, local: bool, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrx.zoo.archive.MAX_BYTES", 2000)
    content = tar_of(files)
    web.files[PADDLEX] = content
    (tmp_path / "bad.tar").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        find_model(None, tmp_path / "bad.tar") if local else obtain(NAME)
    assert not list(tmp_path.rglob("evil"))
    assert entries(tmp_path / "cache" / "models") == []
    assert local or entries(tmp_path / "cache" / "downloads") == []


def test_offline_downloads_nothing(hub: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCRX_OFFLINE", "1")
    with pytest.raises(ModelError, match="OCRX_OFFLINE forbids downloading"):
        find_model(NAME)
    assert hub.count == 0


def test_a_cache_that_cannot_be_written(hub: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OCRX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="the cache cannot be written") as raised:
        obtain(NAME)
    assert "OCRX_CACHE" in str(raised.value.hint)


def test_two_processes_at_once_make_one_entry(hub: Web) -> None:
    script = f"from ocrx.zoo.sources import obtain; print(obtain({NAME!r}))"
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    results = [process.communicate(timeout=200) for process in running]
    assert [process.returncode for process in running] == [0, 0], results
    assert cached_model(NAME) is not None


def test_an_installed_wheel_needs_no_network(
    web: Web, published: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "site" / "rapidtest" / "models" / "rec"
    model.mkdir(parents=True)
    (tmp_path / "site" / "rapidtest" / "__init__.py").touch()
    info = tmp_path / "site" / "rapidtest-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rapidtest\nVersion: 1.2.3\n", encoding="utf-8")
    for name, content in published.items():
        (model / name).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(sources, "_WHEELS", {NAME: (("rapidtest", "models/rec"),)})
    monkeypatch.setenv("OCRX_OFFLINE", "1")
    assert (locate(NAME).place, locate(NAME).detail) == ("wheel", "rapidtest")
    origin = read_spec(obtain(NAME)).origin
    assert origin is not None and origin.address == "rapidtest 1.2.3: rec"
    assert web.count == 0 and "rapidtest" not in sys.modules


def test_a_cached_model_reads_without_torch(hub: Web, tmp_path: Path) -> None:
    obtain(NAME)
    Image.new("L", (200, 48), 255).save(tmp_path / "x.png")
    script = (
        "import sys; from ocrx import create_model; list(create_model(sys.argv[1]).predict(sys.argv[2])); "
        "sys.exit('torch' in sys.modules or 'onnx' in sys.modules or 'huggingface_hub' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, NAME, str(tmp_path / "x.png")], check=True, timeout=100)


def test_an_address_of_weights(web: Web, published: dict[str, bytes]) -> None:
    web.files["/w/PP-OCRv6_tiny_rec_infer.tar"] = tar_of(published)
    url = f"{web.url}/w/PP-OCRv6_tiny_rec_infer.tar"
    folder = find_model(None, url)
    assert read_spec(folder).name == NAME and web.count == 1
    assert find_model(None, url) == folder and web.count == 1


def test_a_checkpoint_without_its_dictionary(web: Web, published: dict[str, bytes], tmp_path: Path) -> None:
    network, spec = network_of(NAME)
    key_map = paddle_key_map(spec.architecture, spec.params, frozenset())
    assert key_map is not None
    file = tmp_path / f"{NAME}_pretrained.pdparams"
    write_pdparams(file, network, renamed(network, key_map, wanted="token.point.bias"), key_map)
    web.files[f"/w/{file.name}"] = file.read_bytes()
    url = f"{web.url}/w/{file.name}"
    assert len(read_spec(resolve_pretrained(str(file), tmp_path / "training")).charset) == 12
    with pytest.raises(ModelError, match="comes without a dictionary"):
        obtain_url(url)
    start = obtain_url(url, needs_characters=False)
    assert len(read_spec(start).charset) == 12 and "a" not in read_spec(start).charset
    # Where the hub knows the model, its dictionary is taken from there.
    web.files[f"{HUB}/inference.yml"] = published["inference.yml"]
    assert read_spec(obtain_url(url)).charset == (*CHARACTERS, " ")


@pytest.fixture
def archive(published: dict[str, bytes], tmp_path: Path) -> Path:
    file = tmp_path / f"{NAME}_infer.tar"
    file.write_bytes(tar_of(published))
    return file


def test_a_tar_file_of_this_machine_reads(archive: Path, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCRX_OFFLINE", "1")
    folder = find_model(None, archive)
    spec = read_spec(folder)
    assert spec.name == NAME and spec.charset == (*CHARACTERS, " ")
    assert spec.origin is not None
    assert (spec.origin.address, len(spec.origin.sha256)) == (archive.name, 64)
    assert (folder / "inference" / "model.onnx").is_file() and web.count == 0
    assert resolve_pretrained(str(archive), archive.parent / "output") == folder

    def refuse(*_: object) -> None:
        raise AssertionError("imported again")

    monkeypatch.setattr(sources, "_import", refuse)
    assert find_model(str(archive)) == folder


def test_a_tar_file_is_imported_into_a_folder(archive: Path, tmp_path: Path) -> None:
    report = import_model.run(str(archive), str(tmp_path / "out"))
    assert (report.source, report.name) == (str(archive), NAME)
    assert read_spec(tmp_path / "out").charset == (*CHARACTERS, " ")
    assert (tmp_path / "out" / "inference" / "model.onnx").is_file()


def test_a_tar_file_without_its_dictionary(published: dict[str, bytes], tmp_path: Path, web: Web) -> None:
    files = {name: content for name, content in published.items() if name != "inference.yml"}
    archive = tmp_path / f"{NAME}_infer.tar"
    archive.write_bytes(tar_of(files))
    with pytest.raises(ModelError, match=rf"{NAME}_infer\.tar/inference\.json: comes without a dictionary") as raised:
        find_model(None, archive)
    assert "ocrx import" in str(raised.value.hint)
    (tmp_path / "dict.txt").write_text("".join(f"{character}\n" for character in CHARACTERS), encoding="utf-8")
    import_model.run(str(archive), str(tmp_path / "out"), name=NAME, charset=str(tmp_path / "dict.txt"))
    assert read_spec(tmp_path / "out").name == NAME


@pytest.mark.parametrize("url", ["ftp://host/a.pdparams", "https://host/a.zip", "file:///etc/passwd.onnx"])
def test_other_addresses(url: str, web: Web) -> None:
    with pytest.raises(ConfigError, match="not the URL of a weight file"):
        obtain_url(url)
