"""Fetching files: a folder or a server with every fault that was seen; whole files or one clear line."""

import email.utils
import gzip
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from landex.files import checksum_of
from landex.geo.download import Access, Fetched, NotFetched, fetch
from landex.geo.layout import file_of_source, is_remote, kept_in, places_of, series_path
from landex.geo.receipts import Receipt, next_attempt
from landex.geo.retrieve import retrieve

NAME = "GSE781_family.soft.gz"
PATH = f"/geo/series/GSEnnn/GSE781/soft/{NAME}"
CONTENT = gzip.compress(b"^SERIES = GSE781\n" + random.Random(1).randbytes(20_000), mtime=0)
DAMAGED = CONTENT[:-8] + bytes([CONTENT[-8] ^ 0xFF]) + CONTENT[-7:]
HALF = len(CONTENT) // 2
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("GSE1_family.soft.gz", ["series/GSEnnn/GSE1/soft/GSE1_family.soft.gz"]),
        (NAME, ["series/GSEnnn/GSE781/soft/GSE781_family.soft.gz"]),
        ("GSE1000_family.soft.gz", ["series/GSE1nnn/GSE1000/soft/GSE1000_family.soft.gz"]),
        ("GSE100000_family.soft.gz", ["series/GSE100nnn/GSE100000/soft/GSE100000_family.soft.gz"]),
        (
            "GSE781-GPL96_series_matrix.txt.gz",
            [
                "series/GSEnnn/GSE781/matrix/GSE781-GPL96_series_matrix.txt.gz",
                "series/GSEnnn/GSE781/matrix/GSE781_series_matrix.txt.gz",
            ],
        ),
        ("GPL96.annot.gz", ["platforms/GPLnnn/GPL96/annot/GPL96.annot.gz"]),
        ("GPL13667.annot.gz", ["platforms/GPL13nnn/GPL13667/annot/GPL13667.annot.gz"]),
        ("GDS507.soft.gz", ["datasets/GDSnnn/GDS507/soft/GDS507.soft.gz"]),
        ("GSE99709_counts.csv.gz", ["series/GSE99nnn/GSE99709/suppl/GSE99709_counts.csv.gz"]),
    ],
)
def test_files_lie_where_geo_has_them(name: str, places: list[str]) -> None:
    assert places_of(name, "https://mirror/geo") == places


def test_ncbis_counts_come_from_its_own_address_and_from_a_mirrors_supplementary_files() -> None:
    name = file_of_source("GSE164073", "GPL24676", "counts")
    assert name == "GSE164073_raw_counts_GRCh38.p13_NCBI.tsv.gz"
    assert places_of(name, "/mnt/geo") == [f"series/GSE164nnn/GSE164073/suppl/{name}"]
    (address,) = places_of(name, "https://ftp.ncbi.nlm.nih.gov/geo")
    assert address == (
        f"https://www.ncbi.nlm.nih.gov/geo/download/?type=rnaseq_counts&acc=GSE164073&format=file&file={name}"
    )


@pytest.mark.parametrize("name", ["GSE_family.soft.gz", "../etc", "GPL96.txt", "GSE1_../x", "GSE1/x_family.soft.gz"])
def test_what_is_no_name_of_geos_has_no_place(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a file of GEO"):
        places_of(name, "/mnt/geo")


def test_an_address_is_told_from_a_folder() -> None:
    assert is_remote("https://ftp.ncbi.nlm.nih.gov/geo")
    assert is_remote("http://localhost:1")
    assert not is_remote("resources/demo/geo")
    assert kept_in("https://ftp.ncbi.nlm.nih.gov/geo", NAME) is None


class Mirror:
    """A loopback server that answers each request by the next of its answers, and the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.paths: list[str] = []
        self.ranges: list[str | None] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the name that http.server calls
                mirror.paths.append(self.path)
                mirror.ranges.append(self.headers.get("Range"))
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
    monkeypatch.setattr("landex.geo.download.time.sleep", asked.append)
    monkeypatch.setattr("landex.geo.download.random.uniform", lambda low, high: high)
    return asked


@dataclass(frozen=True)
class Says:
    """One answer: its body, and what its head says of it."""

    body: bytes = CONTENT
    status: int = 200
    announced: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(self.status)
        handler.send_header("Content-Length", str(len(self.body) if self.announced is None else self.announced))
        for key, value in self.headers.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(self.body)


TAGGED = {"ETag": '"first"'}


def rest(tag: str = '"first"') -> Answer:
    """Answer as a server with ranges: what is asked for, or the whole where its version is another."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range", "")
        if not asked or handler.headers.get("If-Range") != tag:
            return Says(headers={"ETag": tag})(handler)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        span = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": tag}
        return Says(CONTENT[start:], 206, headers=span)(handler)

    return send


def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT[:100])


def no_answer(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def reset(handler: BaseHTTPRequestHandler) -> None:
    import socket
    import struct

    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + CONTENT[:500])
    handler.wfile.flush()
    # Closing with this makes the system send a reset.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def stall(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + CONTENT[:500])
    handler.wfile.flush()
    # Beyond the client's patience; `time.sleep` is the client's too.
    threading.Event().wait(1.0)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"no HTTP at all\r\n\r\n")


def redirect(to: str) -> Answer:
    return Says(b"", 302, headers={"Location": to})


PAGE = Says(b"<html>Maintenance</html>", headers={"Content-Type": "text/html; charset=utf-8"})


def access(mirror: str, retries: int = 2, **changes: object) -> Access:
    return replace(Access(mirror, retries, 5, turn=0), **changes)


def fetched(tmp_path: Path, where: Access, name: str = NAME) -> Fetched:
    return fetch(name, where, tmp_path / "downloads" / name)


def file_in(tmp_path: Path, name: str = NAME) -> Path:
    return tmp_path / "downloads" / name


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "downloads").glob("*"))


def lay(folder: Path, content: bytes = CONTENT, place: str = series_path("GSE781")) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_folder_and_an_address_give_the_same_bytes(tmp_path: Path, mirror: Mirror) -> None:
    lay(tmp_path / "a folder, 100 % mine")
    mirror.answers = [Says()]
    one = fetched(tmp_path / "one", access(str(tmp_path / "a folder, 100 % mine")))
    two = fetched(tmp_path / "two", access(mirror.address + "/"))
    for found, place in ((one, "one"), (two, "two")):
        assert file_in(tmp_path / place).read_bytes() == CONTENT
        assert (found.bytes, found.sha256) == (len(CONTENT), checksum_of(file_in(tmp_path / place)))
        assert left(tmp_path / place) == [NAME]
    assert mirror.paths == [PATH]
    assert two.address.endswith(PATH)


PASSING = {
    "500": Says(b"oops", 500),
    "503": Says(b"busy", 503),
    "429": Says(b"slow down", 429),
    "cut": Says(CONTENT[:500], announced=len(CONTENT)),
    "cut and so announced": Says(CONTENT[:500]),
    "wrong length": Says(CONTENT, announced=len(CONTENT) + 7),
    "HTML": PAGE,
    "HTML that says it is gzip": Says(b"<html>Maintenance</html>"),
    "empty": Says(b""),
    "bad CRC": Says(DAMAGED),
    "cut chunks": cut_chunks,
    "closed": no_answer,
    "reset": reset,
    "nonsense": nonsense,
}
REASONS = {
    "500": "500 Internal Server Error",
    "503": "503 Service Unavailable",
    "429": "429 Too Many Requests",
    "cut": f"500 of {len(CONTENT)} bytes came",
    "cut and so announced": r"soft\.gz: the gzip file is cut short",
    "wrong length": "",
    "HTML": "an HTML page came instead of the file",
    "HTML that says it is gzip": r"soft\.gz: not a whole gzip file",
    "empty": r"soft\.gz: the file is empty",
    "bad CRC": r"soft\.gz: not a whole gzip file \(CRC",
    "cut chunks": "",
    "closed": "",
    "reset": "",
    "nonsense": "",
}


@pytest.mark.parametrize("first", PASSING.values(), ids=PASSING.keys())
def test_a_failed_attempt_is_tried_again(tmp_path: Path, mirror: Mirror, pauses: list[float], first: Answer) -> None:
    mirror.answers = [first, first, Says()]
    fetched(tmp_path, access(mirror.address))
    assert file_in(tmp_path).read_bytes() == CONTENT
    assert len(mirror.paths) == 3
    assert pauses == [1, 2]
    assert left(tmp_path) == [NAME]


@pytest.mark.parametrize("fault", PASSING)
def test_what_fails_every_time_is_one_clear_line_and_leaves_no_file(
    tmp_path: Path, mirror: Mirror, pauses: list[float], fault: str
) -> None:
    mirror.answers = [PASSING[fault]]
    with pytest.raises(NotFetched, match=rf"{NAME}: not to be had from {mirror.address}: .*{REASONS[fault]}") as error:
        fetched(tmp_path, access(mirror.address, retries=3))
    assert error.value.again
    assert len(mirror.paths) == 4
    assert pauses == [1, 2, 4]
    assert not file_in(tmp_path).exists()
    assert "\n" not in str(error.value)
    assert ".part" not in str(error.value)


def test_a_server_that_stalls_is_given_up_after_the_timeout(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [stall, Says()]
    began = time.monotonic()
    fetched(tmp_path, access(mirror.address, timeout=0.2))
    assert file_in(tmp_path).read_bytes() == CONTENT
    assert time.monotonic() - began < 5


def test_the_next_attempt_asks_for_the_rest(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [Says(CONTENT[:HALF], announced=len(CONTENT), headers=TAGGED), rest()]
    fetched(tmp_path, access(mirror.address))
    assert file_in(tmp_path).read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-"]


def test_the_next_call_goes_on_where_the_last_one_ended(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [Says(CONTENT[:HALF], announced=len(CONTENT), headers=TAGGED)]
    with pytest.raises(NotFetched):
        fetched(tmp_path, access(mirror.address, retries=0))
    assert not file_in(tmp_path).exists()
    mirror.answers = [rest()]
    fetched(tmp_path, access(mirror.address, retries=0))
    assert file_in(tmp_path).read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-"]
    assert left(tmp_path) == [NAME]


@pytest.mark.parametrize(
    "second",
    [Says(headers={"ETag": '"second"'}), rest('"second"'), Says(b"", 416)],
    ids=["ignores ranges", "has another version now", "416"],
)
def test_a_rest_that_cannot_be_had_starts_the_file_anew(tmp_path: Path, mirror: Mirror, second: Answer) -> None:
    mirror.answers = [Says(CONTENT[:HALF], announced=len(CONTENT), headers=TAGGED), second, Says()]
    fetched(tmp_path, access(mirror.address))
    assert file_in(tmp_path).read_bytes() == CONTENT


def test_a_rest_of_another_place_is_not_appended(tmp_path: Path, mirror: Mirror) -> None:
    span = {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}
    cut = Says(CONTENT[:HALF], announced=len(CONTENT), headers=TAGGED)
    mirror.answers = [cut, Says(CONTENT, 206, headers=span), Says()]
    fetched(tmp_path, access(mirror.address))
    assert file_in(tmp_path).read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-", None]


def test_a_version_without_a_name_is_not_gone_on_with(tmp_path: Path, mirror: Mirror) -> None:
    weak = {"ETag": 'W/"first"'}
    mirror.answers = [Says(CONTENT[:HALF], announced=len(CONTENT), headers=weak), Says()]
    fetched(tmp_path, access(mirror.address))
    assert mirror.ranges == [None, None]


@pytest.mark.parametrize(("wish", "pause"), [("7", 7), ("0", 1), ("100000", 600), ("soon", 1), ("date", 30)])
def test_the_server_is_left_alone_as_long_as_it_asks(
    tmp_path: Path, mirror: Mirror, pauses: list[float], wish: str, pause: float
) -> None:
    if wish == "date":
        wish = email.utils.formatdate(time.time() + 30, usegmt=True)
    mirror.answers = [Says(b"busy", 503, headers={"Retry-After": wish}), Says()]
    fetched(tmp_path, access(mirror.address))
    (asked,) = pauses
    assert asked == pytest.approx(pause, abs=2 if pause == 30 else 0)


def test_redirects_are_followed(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [redirect("/elsewhere"), Says()]
    fetched(tmp_path, access(mirror.address))
    assert mirror.paths == [PATH, "/elsewhere"]
    assert file_in(tmp_path).read_bytes() == CONTENT


def test_redirects_in_a_circle_or_to_a_file_end(tmp_path: Path, mirror: Mirror) -> None:
    lies = lay(tmp_path / "secret")
    for to in ("/round", lies.as_uri()):
        mirror.answers = [redirect(to)]
        with pytest.raises(NotFetched, match="not to be had"):
            fetched(tmp_path, access(mirror.address, retries=1))
        assert not file_in(tmp_path).exists()


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_the_mirror_does_not_have_is_not_asked_for_again(
    tmp_path: Path, mirror: Mirror, pauses: list[float], status: int
) -> None:
    mirror.answers = [Says(b"none", status)]
    with pytest.raises(NotFetched, match=rf"{NAME}: {mirror.address} has no such file .*{status}") as error:
        fetched(tmp_path, access(mirror.address))
    assert not error.value.again
    assert (len(mirror.paths), pauses, left(tmp_path)) == (1, [], [])


def test_a_refusal_is_not_asked_for_again(tmp_path: Path, mirror: Mirror, pauses: list[float]) -> None:
    mirror.answers = [Says(b"no", 403)]
    with pytest.raises(NotFetched, match=r"not to be had from .*: 403 Forbidden") as error:
        fetched(tmp_path, access(mirror.address))
    assert not error.value.again
    assert (len(mirror.paths), pauses) == (1, [])


def test_a_matrix_of_a_series_of_one_platform_is_found_under_its_other_name(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [Says(b"none", 404), Says()]
    name = "GSE781-GPL96_series_matrix.txt.gz"
    fetched(tmp_path, access(mirror.address), name)
    assert file_in(tmp_path, name).read_bytes() == CONTENT
    assert mirror.paths[1] == "/geo/series/GSEnnn/GSE781/matrix/GSE781_series_matrix.txt.gz"


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_too_large_is_not_taken(tmp_path: Path, mirror: Mirror, announced: bool) -> None:
    mirror.answers = [Says(), Says()] if announced else [chunked]
    with pytest.raises(NotFetched, match=r"more than 0\.01 MB \(geo\.largest_mb\)") as error:
        fetched(tmp_path, access(mirror.address, largest_mb=0.01))
    assert not error.value.again
    assert len(mirror.paths) == 1
    assert not file_in(tmp_path).exists()


@pytest.mark.parametrize(
    ("content", "limit", "said"),
    [
        (b"line\n" * 400_000, 1.0, "it unpacks to more than 1 MB"),
        (b"\n" + bytes(70_000_000), 20000.0, "a line of it has more than 64 MB"),
    ],
)
@pytest.mark.parametrize("remote", [True, False])
def test_a_small_file_that_unpacks_to_a_huge_one_is_not_taken(
    tmp_path: Path, mirror: Mirror, content: bytes, limit: float, said: str, remote: bool
) -> None:
    packed = gzip.compress(content)
    assert len(packed) < 100_000
    mirror.answers = [Says(packed)]
    folder = tmp_path / "mirror" / "series" / "GSEnnn" / "GSE781" / "soft"
    folder.mkdir(parents=True)
    (folder / "GSE781_family.soft.gz").write_bytes(packed)
    address = mirror.address if remote else str(tmp_path / "mirror")
    with pytest.raises(NotFetched, match=rf"{said} \(geo\.largest_unpacked_mb\)") as error:
        fetched(tmp_path, access(address, largest_unpacked_mb=limit))
    assert not error.value.again
    assert len(mirror.paths) == remote
    assert not [path for path in file_in(tmp_path).parent.iterdir() if path.is_file() and path.stat().st_size]


def chunked(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.wfile.write(b"%x\r\n" % len(CONTENT) + CONTENT + b"\r\n0\r\n\r\n")


def test_a_kept_file_is_checked_and_not_asked_for_again(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [Says()]
    file_in(tmp_path).parent.mkdir()
    file_in(tmp_path).write_bytes(CONTENT)
    assert fetched(tmp_path, access(mirror.address)).bytes == len(CONTENT)
    assert mirror.paths == []


@pytest.mark.parametrize("content", [DAMAGED, CONTENT[:-3], b"<html>", b""], ids=["CRC", "cut", "HTML", "empty"])
def test_a_kept_file_that_is_not_whole_is_fetched_anew(tmp_path: Path, mirror: Mirror, content: bytes) -> None:
    mirror.answers = [Says()]
    file_in(tmp_path).parent.mkdir()
    file_in(tmp_path).write_bytes(content)
    fetched(tmp_path, access(mirror.address))
    assert file_in(tmp_path).read_bytes() == CONTENT
    assert mirror.paths == [PATH]


def test_offline_takes_what_is_kept_and_never_asks(tmp_path: Path, mirror: Mirror) -> None:
    mirror.answers = [Says()]
    where = access(mirror.address, offline=True)
    with pytest.raises(NotFetched, match=rf"{NAME}: not in .*downloads, and geo\.offline is true") as error:
        fetched(tmp_path, where)
    assert not error.value.again
    file_in(tmp_path).parent.mkdir(exist_ok=True)
    file_in(tmp_path).write_bytes(CONTENT)
    assert fetched(tmp_path, where).bytes == len(CONTENT)
    assert mirror.paths == []
    lay(tmp_path / "mirror")
    fetched(tmp_path / "other", access(str(tmp_path / "mirror"), offline=True))


def test_every_request_takes_its_turn(tmp_path: Path, mirror: Mirror, pauses: list[float]) -> None:
    mirror.answers = [Says(b"busy", 503), Says()]
    fetched(tmp_path, access(mirror.address, turn=100.0))
    turns = [pause for pause in pauses if pause > 50]
    assert len(turns) == 2
    pauses.clear()
    lay(tmp_path / "mirror")
    fetched(tmp_path / "other", access(str(tmp_path / "mirror"), turn=100.0))
    assert pauses == []


def test_a_file_that_the_folder_does_not_have_is_one_clear_line(
    tmp_path: Path, pauses: list[float], resources: Path
) -> None:
    with pytest.raises(NotFetched, match=r"GSE14618_family.soft.gz: .*demo/geo has no such file") as error:
        fetched(tmp_path, access(str(resources / "demo/geo")), "GSE14618_family.soft.gz")
    assert not error.value.again
    assert (pauses, left(tmp_path)) == ([], [])


def test_a_damaged_file_in_a_folder_is_not_tried_again(tmp_path: Path, pauses: list[float]) -> None:
    lay(tmp_path / "mirror", CONTENT[:-9])
    with pytest.raises(NotFetched, match=rf"{NAME}: not to be had from .*{NAME}: .*cut short") as error:
        fetched(tmp_path, access(str(tmp_path / "mirror")))
    assert not error.value.again
    assert (pauses, left(tmp_path)) == ([], [])


def test_a_folders_newer_file_replaces_what_was_kept(tmp_path: Path) -> None:
    lay(tmp_path / "mirror")
    file_in(tmp_path).parent.mkdir()
    file_in(tmp_path).write_bytes(gzip.compress(b"older"))
    fetched(tmp_path, access(str(tmp_path / "mirror")))
    assert file_in(tmp_path).read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_to_is_one_clear_line(tmp_path: Path, resources: Path) -> None:
    (tmp_path / "downloads").write_text("in the way")
    with pytest.raises(NotFetched, match=rf"{NAME}: cannot be put into .*downloads"):
        fetched(tmp_path, access(str(resources / "demo/geo")))


def test_a_server_that_is_not_there_is_one_clear_line(tmp_path: Path, mirror: Mirror, pauses: list[float]) -> None:
    address = mirror.address
    mirror.close()
    with pytest.raises(NotFetched, match=rf"{NAME}: not to be had from {address}: ") as error:
        fetched(tmp_path, access(address))
    assert error.value.again
    assert pauses == [1, 2]


def test_pauses_double_up_to_a_minute(tmp_path: Path, mirror: Mirror, pauses: list[float]) -> None:
    mirror.answers = [Says(b"busy", 503)]
    with pytest.raises(NotFetched):
        fetched(tmp_path, access(mirror.address, retries=9))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def receipt_in(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / f"{NAME}.json"


def test_a_receipt_says_where_a_file_came_from_and_its_checksum(tmp_path: Path) -> None:
    lay(tmp_path / "mirror")
    retrieve(NAME, access(str(tmp_path / "mirror")), receipt_in(tmp_path))
    receipt = Receipt.read(receipt_in(tmp_path))
    assert (receipt.bytes, receipt.sha256) == (len(CONTENT), checksum_of(file_in(tmp_path)))
    assert receipt.address == f"{tmp_path}/mirror/{series_path('GSE781')}"
    assert (receipt.reason, receipt.again, receipt.attempt) == ("", False, 0)
    assert receipt.file(receipt_in(tmp_path)).read_bytes() == CONTENT
    assert next_attempt(receipt_in(tmp_path)) == 0


def test_what_is_left_out_for_the_networks_sake_is_due_again_and_what_is_not_there_is_not(
    tmp_path: Path, mirror: Mirror
) -> None:
    mirror.answers = [Says(b"busy", 503)]
    receipt = receipt_in(tmp_path)
    with pytest.raises(NotFetched):
        retrieve(NAME, access(mirror.address, retries=0), receipt)
    assert not receipt.exists()
    assert next_attempt(receipt) == 0
    for attempt in range(2):
        retrieve(NAME, access(mirror.address, retries=0), receipt, next_attempt(receipt), skip=True)
        assert json.loads(receipt.read_text())["reason"].endswith("503 Service Unavailable")
        # What a rule's params hold differs at every call, until the file is there.
        assert next_attempt(receipt) == attempt + 1
    mirror.answers = [Says(b"none", 404)]
    retrieve(NAME, access(mirror.address), receipt, next_attempt(receipt), skip=True)
    assert next_attempt(receipt) == 2
    mirror.answers = [Says()]
    retrieve(NAME, access(mirror.address), receipt, next_attempt(receipt), skip=True)
    assert next_attempt(receipt) == 2
    file_in(tmp_path).unlink()
    assert next_attempt(receipt) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"other": 1}'])
def test_a_receipt_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".x.json").write_text(text)
    assert next_attempt(tmp_path / "x.json") == 0
