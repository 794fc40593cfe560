"""Fetching series: one code path for a folder and an address, whole files or one clear line."""

import gzip
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from landex.errors import UserError
from landex.geo import check_platform_in_file, fetch_series, is_remote, platforms_of, series_path

CONTENT = gzip.compress(b"^SERIES = GSE781\n" + random.Random(1).randbytes(20_000), mtime=0)
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.mark.parametrize(
    ("series", "folder"),
    [
        ("GSE1", "GSEnnn"),
        ("GSE99", "GSEnnn"),
        ("GSE781", "GSEnnn"),
        ("GSE1000", "GSE1nnn"),
        ("GSE14618", "GSE14nnn"),
        ("GSE100000", "GSE100nnn"),
    ],
)
def test_series_lie_where_geo_has_them(series: str, folder: str) -> None:
    assert series_path(series) == f"series/{folder}/{series}/soft/{series}_family.soft.gz"


def test_an_address_is_told_from_a_folder() -> None:
    assert is_remote("https://ftp.ncbi.nlm.nih.gov/geo")
    assert is_remote("http://localhost:1")
    assert not is_remote("resources/demo/geo")
    assert not is_remote("/mnt/geo")


class Mirror:
    """A loopback server that answers each request by the next of its answers, and the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.paths: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the name that http.server calls
                mirror.paths.append(self.path)
                self.close_connection = True
                answers = mirror.answers
                (answers.pop(0) if len(answers) > 1 else answers[0])(self)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/geo"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses asked for, which take no time."""
    asked: list[float] = []
    monkeypatch.setattr("landex.geo.time.sleep", asked.append)
    monkeypatch.setattr("landex.geo.random.uniform", lambda low, high: high)
    return asked


def answer(body: bytes = CONTENT, status: int = 200, announced: int | None = None) -> Answer:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT[:100])


def no_answer(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"no HTTP at all\r\n\r\n")


def fetched(tmp_path: Path, mirror: str, retries: int = 2, series: str = "GSE781") -> Path:
    path = tmp_path / "downloads" / "family.soft.gz"
    fetch_series(series, mirror, path, retries=retries, timeout=5)
    return path


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "downloads").glob("*")]


def test_a_folder_and_an_address_give_the_same_bytes(tmp_path: Path, mirror: Mirror) -> None:
    folder = tmp_path / "a folder, 100 % mine"
    lies = folder / series_path("GSE781")
    lies.parent.mkdir(parents=True)
    lies.write_bytes(CONTENT)
    mirror.answers = [answer()]
    assert fetched(tmp_path, str(folder)).read_bytes() == CONTENT
    assert fetched(tmp_path, mirror.address + "/").read_bytes() == CONTENT
    assert mirror.paths == ["/geo/series/GSEnnn/GSE781/soft/GSE781_family.soft.gz"]
    assert left(tmp_path) == ["family.soft.gz"]


def test_the_demo_folder_is_a_mirror(tmp_path: Path, resources: Path) -> None:
    found = fetched(tmp_path, str(resources / "demo/geo"))
    assert found.read_bytes() == (resources / "demo/geo" / series_path("GSE781")).read_bytes()


@pytest.mark.parametrize(
    "first",
    [
        answer(b"busy", 503),
        answer(b"slow down", 429),
        answer(CONTENT[:500], announced=len(CONTENT)),
        answer(CONTENT[:500]),
        answer(b"<html>Maintenance</html>"),
        answer(b""),
        cut_chunks,
        no_answer,
        nonsense,
    ],
    ids=["503", "429", "cut", "cut and so announced", "HTML", "empty", "cut chunks", "closed", "nonsense"],
)
def test_a_failed_attempt_is_tried_again(tmp_path: Path, mirror: Mirror, pauses: list[float], first: Answer) -> None:
    mirror.answers = [first, first, answer()]
    assert fetched(tmp_path, mirror.address).read_bytes() == CONTENT
    assert len(mirror.paths) == 3
    assert pauses == [1, 2]
    assert left(tmp_path) == ["family.soft.gz"]


@pytest.mark.parametrize(
    ("always", "reason"),
    [
        (answer(b"busy", 503), "503 Service Unavailable"),
        (answer(CONTENT[:500], announced=len(CONTENT)), f"500 of {len(CONTENT)} bytes came"),
        (answer(CONTENT[:500]), r"soft\.gz: the gzip file is cut short"),
        (answer(b"<html>Maintenance</html>"), r"soft\.gz: not a whole gzip file"),
        (cut_chunks, ""),
        (nonsense, ""),
    ],
    ids=["503", "cut", "cut and so announced", "HTML", "cut chunks", "nonsense"],
)
def test_what_fails_every_time_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, mirror: Mirror, pauses: list[float], always: Answer, reason: str
) -> None:
    mirror.answers = [always]
    with pytest.raises(UserError, match=rf"GSE781: not to be had from {mirror.address}: .*{reason}") as error:
        fetched(tmp_path, mirror.address, retries=3)
    assert len(mirror.paths) == 4
    assert pauses == [1, 2, 4]
    assert left(tmp_path) == []
    assert "\n" not in str(error.value)
    assert ".partial." not in str(error.value)


@pytest.mark.parametrize("status", [404, 410])
def test_a_series_that_the_mirror_does_not_have_is_not_asked_for_again(
    tmp_path: Path, mirror: Mirror, pauses: list[float], status: int
) -> None:
    mirror.answers = [answer(b"none", status)]
    with pytest.raises(
        UserError, match=rf"GSE781: {mirror.address} has no such series .*GSE781_family\.soft\.gz: {status}"
    ):
        fetched(tmp_path, mirror.address)
    assert (len(mirror.paths), pauses, left(tmp_path)) == (1, [], [])


def test_a_series_that_the_folder_does_not_have_is_one_clear_line(
    tmp_path: Path, pauses: list[float], resources: Path
) -> None:
    with pytest.raises(UserError, match=r"GSE14618: .*demo/geo has no such series"):
        fetched(tmp_path, str(resources / "demo/geo"), series="GSE14618")
    assert (pauses, left(tmp_path)) == ([], [])


def test_a_damaged_file_in_a_folder_is_not_tried_again(tmp_path: Path, pauses: list[float]) -> None:
    lies = tmp_path / "mirror" / series_path("GSE781")
    lies.parent.mkdir(parents=True)
    lies.write_bytes(CONTENT[:-9])
    with pytest.raises(UserError, match=r"GSE781: not to be had from .*GSE781_family\.soft\.gz: .*cut short"):
        fetched(tmp_path, str(tmp_path / "mirror"))
    assert (pauses, left(tmp_path)) == ([], [])


def test_a_server_that_is_not_there_is_one_clear_line(tmp_path: Path, mirror: Mirror, pauses: list[float]) -> None:
    address = mirror.address
    mirror.close()
    with pytest.raises(UserError, match=rf"GSE781: not to be had from {address}: "):
        fetched(tmp_path, address)
    assert pauses == [1, 2]


def test_pauses_double_up_to_a_minute(tmp_path: Path, mirror: Mirror, pauses: list[float]) -> None:
    mirror.answers = [answer(b"busy", 503)]
    with pytest.raises(UserError):
        fetched(tmp_path, mirror.address, retries=9)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_place_that_cannot_be_written_to_is_one_clear_line(tmp_path: Path, resources: Path) -> None:
    (tmp_path / "downloads").write_text("in the way")
    with pytest.raises(UserError, match="GSE781: not to be had"):
        fetched(tmp_path, str(resources / "demo/geo"))


def test_the_platforms_of_a_series_are_read_from_the_head_of_its_file(resources: Path) -> None:
    assert platforms_of(resources / "demo/geo" / series_path("GSE781")) == ["GPL96", "GPL97"]


@pytest.mark.parametrize("damage", ["cut", "broken", "text"])
def test_a_file_whose_head_cannot_be_read_is_one_clear_line(tmp_path: Path, resources: Path, damage: str) -> None:
    data = bytearray((resources / "demo/geo" / series_path("GSE781")).read_bytes()[:3000])
    if damage == "broken":
        data[30:90] = b"\xff" * 60
    path = tmp_path / "family.soft.gz"
    path.write_bytes(b"text" if damage == "text" else bytes(data[:500] if damage == "cut" else data))
    with pytest.raises(UserError, match=r"family\.soft\.gz: not readable \(.*\); fetch it again"):
        check_platform_in_file("GSE781", "GPL96", path)
