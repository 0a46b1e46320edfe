"""Every recipe loads, builds and has the size that was published or counted."""

from __future__ import annotations

import pytest

from ocrx.config import recipe_names, recipes_dir
from ocrx.errors import ConfigError
from ocrx.modes import models as mode
from ocrx.zoo.catalog import CATALOG, COSTS, LATENCIES
from ocrx.zoo.cost import cost_of

# Parameters in inference form, in millions, with the published dictionary.
COUNTS = {
    "PP-OCRv3_mobile_rec": 2.64,
    "PP-OCRv4_mobile_rec": 2.69,
    "en_PP-OCRv4_mobile_rec": 1.90,
    "PP-OCRv4_server_rec": 22.6,
    "PP-OCRv5_mobile_rec": 4.11,
    "PP-OCRv5_server_rec": 21.0,
    # Counted from the class in transformers; 1.08 M without the two convolutions before its head.
    "PP-OCRv6_tiny_rec": 1.103,
    "PP-OCRv6_small_rec": 5.27,
    "PP-OCRv6_medium_rec": 19.1,
    "SVTRv2_tiny": 5.128,
    "SVTRv2_small": 11.251,
    "SVTRv2_base": 19.756,
    "ch_SVTRv2_rec": 21.0,
    "ch_RepSVTR_rec": 6.28,
    "cnn_bilstm": 17.05,
}
# Published sizes in MB (fp32), where no count is known.
SIZES = {"PP-OCRv4_server_rec_doc": 91}

PADDLEX = [
    "PP-OCRv4_server_rec_doc",
    "PP-OCRv4_mobile_rec",
    "PP-OCRv4_server_rec",
    "en_PP-OCRv4_mobile_rec",
    "PP-OCRv3_mobile_rec",
    "en_PP-OCRv3_mobile_rec",
    "korean_PP-OCRv3_mobile_rec",
    "japan_PP-OCRv3_mobile_rec",
    "chinese_cht_PP-OCRv3_mobile_rec",
    "te_PP-OCRv3_mobile_rec",
    "ka_PP-OCRv3_mobile_rec",
    "ta_PP-OCRv3_mobile_rec",
    "latin_PP-OCRv3_mobile_rec",
    "arabic_PP-OCRv3_mobile_rec",
    "cyrillic_PP-OCRv3_mobile_rec",
    "devanagari_PP-OCRv3_mobile_rec",
    "ch_SVTRv2_rec",
    "ch_RepSVTR_rec",
]


@pytest.fixture(scope="module")
def rows() -> dict[str, mode.ModelRow]:
    return {row.name: row for row in mode.run()}


def test_every_recipe_builds(rows: dict[str, mode.ModelRow]) -> None:
    assert set(rows) == set(recipe_names()) >= set(CATALOG)
    assert set(PADDLEX) <= set(rows)
    assert all(row.parameters > 0 and row.gmac > 0 for row in rows.values())


def test_no_row_waits_for_torch() -> None:
    """Every recipe is in both tables; the embedded network and its copy for fine-tuning with their own height."""
    assert set(recipe_names()) == set(CATALOG) == set(COSTS)
    for name in ("printed_en", "fine_tune"):
        assert (CATALOG[name].classes, COSTS[name][2]) == (115, "32x320")


@pytest.mark.parametrize("name", [name for name in COSTS if "_PP-OCRv3" not in name])
def test_costs_are_those_of_the_networks(name: str) -> None:
    cost = cost_of(name, CATALOG[name].classes)
    assert (cost.parameters, cost.gmac, cost.size) == COSTS[name]


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_parameter_count(name: str, rows: dict[str, mode.ModelRow]) -> None:
    assert rows[name].parameters / 1e6 == pytest.approx(COUNTS[name], rel=0.01)


@pytest.mark.parametrize("name", [name for name in PADDLEX if "PP-OCRv3" in name])
def test_languages_of_ppocrv3_differ_in_the_last_layer_only(name: str, rows: dict[str, mode.ModelRow]) -> None:
    """2.64 M with 6625 classes; one class has 65 numbers in the last layer."""
    expected = 2_640_000 - 65 * (6625 - CATALOG[name].classes)
    assert rows[name].parameters == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_published_size(name: str, rows: dict[str, mode.ModelRow]) -> None:
    assert rows[name].parameters * 4 / 2**20 == pytest.approx(SIZES[name], rel=0.01)


@pytest.mark.parametrize(
    ("name", "gmac"),
    [
        ("PP-OCRv3_mobile_rec", 0.66),
        ("PP-OCRv4_mobile_rec", 0.70),
        ("PP-OCRv4_server_rec", 10.1),
        ("PP-OCRv5_server_rec", 5.9),
        ("PP-OCRv6_small_rec", 1.09),
        ("PP-OCRv6_medium_rec", 5.7),
        ("ch_RepSVTR_rec", 1.23),
    ],
)
def test_cost(name: str, gmac: float, rows: dict[str, mode.ModelRow]) -> None:
    assert rows[name].gmac == pytest.approx(gmac, rel=0.02)


def test_every_recipe_begins_with_its_command() -> None:
    for path in recipes_dir().glob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# ") and f"ocrx train -c {path.stem} " in first, path.name


def test_listing_a_part() -> None:
    assert [row.name for row in mode.run("v5_server")] == ["PP-OCRv5_server_rec"]
    with pytest.raises(ConfigError, match="no model's name contains 'nothing'"):
        mode.run("nothing")


def test_every_official_model_has_its_published_figures() -> None:
    for entry in CATALOG.values():
        if entry.official:
            assert entry.accuracy and entry.source and entry.licence == "Apache-2.0", entry.name
            assert entry.download_megabytes, entry.name
    assert set(LATENCIES) == {*PADDLEX, "PP-OCRv5_mobile_rec", "PP-OCRv5_server_rec"}
    for name, latency in LATENCIES.items():
        assert latency.gpu[1] <= latency.gpu[0] and latency.cpu[1] <= latency.cpu[0], name
