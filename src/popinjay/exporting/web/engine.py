"""The engine of the page: ONNX Runtime's WebAssembly build, from the npm registry.

Its package is fetched once, in one version and by its hash, and two files of it are kept in the
user's cache. Nothing of it is in Popinjay's own package.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from popinjay.errors import NetworkError, OptionError
from popinjay.events import Listener
from popinjay.network.http_client import HttpClient
from popinjay.store.caches import cache_root
from popinjay.store.files import atomic_write

NAME, VERSION = "onnxruntime-web", "1.30.0"
REGISTRY = "https://registry.npmjs.org"
REGISTRY_SETTING = "npm_config_registry"  # npm's own variable: a mirror
PACKAGE_HASH = "837707d5c52e101cdafc951d8ee1196f0ac2ded51ef118a64e647916a8ebd302"  # SHA-512/256
PACKAGE_BYTES = 33_106_585
FOLDER = ".engines-web"  # in the cache, hidden, so that no base model's name can collide with it
LICENSE = """MIT License

Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


@dataclass(frozen=True, slots=True)
class EngineFile:
    """A file of the package."""

    name: str
    sha256: str
    size: int  # bytes


FILES = (
    EngineFile(
        "ort-wasm-simd-threaded.mjs",
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
        24_381,
    ),
    EngineFile(
        "ort-wasm-simd-threaded.wasm",
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
        14_239_897,
    ),
)
PACKED = "{}.gzip"  # what the page unpacks itself; hosts know no such ending and leave it as it is
WASM = PACKED.format(FILES[1].name)  # in an exported folder
ENGINE_BYTES = 3_690_000  # in an exported folder, about


def add_engine(folder: Path, listener: Listener, *, allow_local: bool = False) -> None:
    """Write the engine into a folder with its licence, fetching it if it is not in the cache.

    Many hosts send WebAssembly as it is, so the program is stored compressed.
    Raises OptionError if it can't be had. `allow_local` also allows a registry on this machine.
    """
    kept = cache_root() / FOLDER / f"{NAME}-{VERSION}"
    contents = [_intact(kept / file.name, file) for file in FILES]
    if None in contents:
        contents = list(_fetched(listener, allow_local))
        for file, content in zip(FILES, contents, strict=True):
            _keep(kept / file.name, content)
    _add_license(folder)
    module, program = (content or b"" for content in contents)
    (folder / FILES[0].name).write_bytes(module)
    (folder / WASM).write_bytes(packed(program))


def add_placeholder(folder: Path) -> None:
    """Write empty files of about the engine's sizes, to tell how large the whole would be."""
    _add_license(folder)
    for name, size in ((FILES[0].name, FILES[0].size), (WASM, ENGINE_BYTES - FILES[0].size)):
        (folder / name).touch()
        os.truncate(folder / name, size)


def _add_license(folder: Path) -> None:
    folder.mkdir()
    (folder / "LICENSE").write_text(f"{NAME} {VERSION}\n\n{LICENSE}", encoding="utf-8")


def packed(content: bytes) -> bytes:
    """Return a file as the page unpacks it: a quarter of the engine's size is left.

    The same content gives the same bytes.
    """
    return gzip.compress(content, 6, mtime=0)


def is_kept() -> bool:
    """Return whether the engine is in the cache."""
    kept = cache_root() / FOLDER / f"{NAME}-{VERSION}"
    return all((kept / file.name).is_file() for file in FILES)


def _intact(path: Path, file: EngineFile) -> bytes | None:
    """Return a file's content if it is the expected one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None


def _keep(path: Path, content: bytes | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, content or b"")


def _fetched(listener: Listener, allow_local: bool) -> list[bytes]:
    """Download the package, and return its files. Raises OptionError."""
    registry = os.environ.get(REGISTRY_SETTING, "").strip().rstrip("/") or REGISTRY
    url = f"{registry}/{NAME}/-/{NAME}-{VERSION}.tgz"
    try:
        with HttpClient(listener, allow_local=allow_local) as client:
            response = client.get(url, max_bytes=2 * PACKAGE_BYTES, cross_host=True)
    except NetworkError as error:
        raise OptionError(
            f"The engine of the page, {NAME} {VERSION}, can't be fetched: {error.message}",
            "Export again while you are online: it is fetched once, and kept.",
        ) from error
    if response.status != 200:
        raise OptionError(
            f"{registry} has no {NAME} {VERSION} (status {response.status}).",
            f"A mirror may be set in {REGISTRY_SETTING}.",
        )
    if hashlib.new("sha512_256", response.body).hexdigest() != PACKAGE_HASH:
        raise OptionError(
            f"{registry} gave another {NAME} {VERSION} than expected (its SHA-512/256 differs).",
            "Nothing of it was used. A newer popinjay may know the package as it is now.",
        )
    with tarfile.open(fileobj=io.BytesIO(response.body), mode="r:gz") as package:
        return [_member(package, file) for file in FILES]


def _member(package: tarfile.TarFile, file: EngineFile) -> bytes:
    member = package.extractfile(f"package/dist/{file.name}")
    return b"" if member is None else member.read()
