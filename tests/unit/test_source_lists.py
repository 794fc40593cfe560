"""Lists of series in the config: an entry a row."""

from pathlib import Path
from typing import Any

import pytest

from landex.errors import UserError
from landex.source_lists import expanded_sources


def config_of(sources: dict[str, Any], external: dict[str, Any] | None = None) -> dict[str, Any]:
    others = external or {}
    return {"compendium": {"sources": sources, "join": "inner"}, "external": others, "auxiliary": others}


def listed(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_list_is_an_entry_a_row_in_its_place(tmp_path: Path) -> None:
    path = listed(
        tmp_path / "list.tsv",
        "series\tplatform\tsamples\tvalues\tgroup\nGSE1\tGPL96\t10\t\t\nGSE1\tGPL97\t10\tlog2\t\nGDS5\tGPL96\t3\t\tmine\n",
    )
    own = {"matrix": "x.tsv", "values": "auto"}
    found = expanded_sources(
        config_of({"own": own, "many": {"list": path, "values": "auto", "file": "soft"}, "z": own})
    )
    shared = {"file": "soft", "values": "auto"}
    assert found["compendium"]["join"] == "inner"
    assert list(found["compendium"]["sources"].items()) == [
        ("own", own),
        ("GSE1-GPL96", {**shared, "geo": "GSE1", "platform": "GPL96"}),
        ("GSE1-GPL97", {**shared, "geo": "GSE1", "platform": "GPL97", "values": "log2"}),
        ("GDS5-GPL96", {**shared, "geo": "GDS5", "platform": "GPL96", "group": "mine"}),
        ("z", own),
    ]


def test_external_and_auxiliary_cohorts_may_be_listed_too(tmp_path: Path) -> None:
    path = listed(tmp_path / "list.tsv", "platform\tseries\nGPL570\tGSE2\n")
    found = expanded_sources(config_of({}, {"others": {"list": path}}))
    assert found["external"] == found["auxiliary"] == {"GSE2-GPL570": {"geo": "GSE2", "platform": "GPL570"}}


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (None, {}, r"list\.tsv: not readable"),
        ("series\n", {}, "the column platform is missing"),
        ("series\tplatform\n", {}, "lists no series"),
        ("series\tplatform\nGSE1\tGPL96\nkidney\tGPL96\n", {}, "row 3 has no accessions .*kidney, GPL96"),
        ("series\tplatform\nGSE1\tGPL96\nGSE1\tGPL96\n", {}, "GSE1-GPL96 is named already"),
        ("series\tplatform\nGSE1\tGPL96\n", {"geo": "GSE1"}, "names a list, which says geo itself"),
    ],
)
def test_a_list_that_cannot_be_right_is_one_clear_line(
    tmp_path: Path, text: str | None, more: dict[str, str], message: str
) -> None:
    path = tmp_path / "list.tsv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        expanded_sources(config_of({"many": {"list": str(path), **more}}))
    assert "\n" not in str(error.value)
