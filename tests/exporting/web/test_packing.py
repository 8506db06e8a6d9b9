"""Weights in 4 and 5 bits: how near what is unpacked is, and that the page does the same."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
import pytest

from chromium import chromium, needs_chromium
from popinjay.exporting.web.packing import BLOCK, pack, unpack
from static_host import LOOPBACK, static_host


def matrix(inputs: int, outputs: int) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    values = np.random.default_rng(0).normal(0, 30, (inputs, outputs))
    return np.clip(np.rint(values), -127, 127).astype(np.int8)


@pytest.mark.parametrize(("bits", "error"), [(4, 0.1), (5, 0.05)])
@pytest.mark.parametrize("shape", [(32, 5), (96, 64)])
def test_what_is_unpacked_is_near(shape: tuple[int, int], bits: int, error: float) -> None:
    whole = matrix(*shape)
    packed = pack(whole, bits)
    assert packed.nibbles.nbytes * 2 == whole.nbytes
    assert packed.fifths.nbytes * 8 == (whole.nbytes if bits == 5 else 0)
    assert packed.steps.shape == (shape[0] // BLOCK, shape[1])
    difference = unpack(packed).astype(float) - whole
    assert np.sqrt((difference**2).mean()) < error * np.sqrt((whole.astype(float) ** 2).mean())


@pytest.mark.parametrize("bits", [4, 5])
def test_extremes_survive(bits: int) -> None:
    whole = np.zeros((32, 3), np.int8)
    whole[0] = [127, -127, 1]
    unpacked = unpack(pack(whole, bits))
    assert np.abs(unpacked.astype(int) - whole).max() <= 1
    assert not unpacked[1:].any()
    assert not unpack(pack(np.zeros((64, 2), np.int8), bits)).any()


@needs_chromium
def test_the_page_unpacks_the_same() -> None:
    whole = matrix(96, 7)
    with (
        as_file(files("popinjay").joinpath("assets/web")) as assets,
        static_host(assets) as host,
        chromium(LOOPBACK) as browser,
    ):
        page = browser.new_page()
        page.goto(f"{host.address}page.css")
        for bits in (4, 5):
            packed = pack(whole, bits)
            found = page.evaluate(
                """async ([steps, nibbles, fifths, outputs, size]) => {
                    const { unpack } = await import(new URL("weights.js", location.href));
                    const values = new Int8Array(size);
                    unpack({
                        steps: Int8Array.from(steps),
                        nibbles: Uint8Array.from(nibbles),
                        fifths: fifths.length ? Uint8Array.from(fifths) : null,
                    }, outputs, values);
                    return [...values];
                }""",
                [*(part.ravel().tolist() for part in packed), whole.shape[1], whole.size],
            )
            assert found == unpack(packed).ravel().tolist()
