"""What is read of a series' file before anything runs."""

from pathlib import Path

import pytest

from landex.errors import UserError
from landex.geo.heads import check_platform_in_file, platforms_of
from landex.geo.layout import series_path


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
