"""Weights in 4 and 5 bits: how near what is unpacked is, and that the page does the same."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
import pytest

from chromium import chromium, needs_chromium
from popinjay.exporting.web.packing import BLOCK, TABLES, decoded, pack, rounded, unpack
from static_host import LOOPBACK, static_host


def matrix(inputs: int, outputs: int) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    values = np.random.default_rng(0).normal(0, 30, (inputs, outputs))
    return np.clip(np.rint(values), -127, 127).astype(np.int8)


@pytest.mark.parametrize("shape", [(32, 5), (96, 64)])
@pytest.mark.parametrize(("bits", "error"), [(4, 0.08), (5, 0.05)])
def test_what_is_unpacked_is_near(shape: tuple[int, int], bits: int, error: float) -> None:
    whole = matrix(*shape)
    coded = rounded(whole, bits)
    packed = pack(coded, bits)
    assert packed.nibbles.nbytes * 2 == whole.nbytes
    assert packed.fifths.nbytes * 8 == (whole.nbytes if bits == 5 else 0)
    assert packed.steps.shape == (shape[0] // BLOCK, shape[1])
    unpacked = unpack(packed, bits)
    assert (unpacked == decoded(coded, bits)).all()
    difference = unpacked.astype(float) - whole
    assert np.sqrt((difference**2).mean()) < error * np.sqrt((whole.astype(float) ** 2).mean())


@pytest.mark.parametrize("bits", [4, 5])
def test_extremes_survive(bits: int) -> None:
    whole = np.zeros((32, 3), np.int8)
    whole[0] = [127, -127, 1]
    unpacked = decoded(rounded(whole, bits), bits)
    assert np.abs(unpacked.astype(int) - whole).max() <= 1
    assert np.abs(unpacked[1:].astype(int)).max() <= 1  # four bits have no zero
    assert not decoded(rounded(np.zeros((64, 2), np.int8), bits), bits).any()


@needs_chromium
@pytest.mark.parametrize("bits", [4, 5])
def test_the_page_unpacks_the_same(bits: int) -> None:
    whole = matrix(96, 7)
    with (
        as_file(files("popinjay").joinpath("assets/web")) as assets,
        static_host(assets) as host,
        chromium(LOOPBACK) as browser,
    ):
        page = browser.new_page()
        page.goto(f"{host.address}page.css")
        packed = pack(rounded(whole, bits), bits)
        found = page.evaluate(
            """async ([steps, nibbles, fifths, table, outputs, size]) => {
                const { unpack } = await import(new URL("weights.js", location.href));
                const values = new Int8Array(size);
                unpack({
                    steps: Int8Array.from(steps),
                    nibbles: Uint8Array.from(nibbles),
                    fifths: fifths.length ? Uint8Array.from(fifths) : null,
                }, table, outputs, values);
                return [...values];
            }""",
            [
                *(part.ravel().tolist() for part in packed),
                TABLES[bits],
                whole.shape[1],
                whole.size,
            ],
        )
        assert found == unpack(packed, bits).ravel().tolist()
