"""Print what an offline W&B run's file holds, as JSON: `python wandb_file.py FILE`.

The file is a log of records as LevelDB writes them.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32768
HEADER = 7
FULL, LAST = 1, 4


def records(content: bytes) -> Iterator[bytes]:
    place = HEADER
    whole = b""
    while place + HEADER <= len(content):
        if BLOCK - place % BLOCK < HEADER:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEADER])
        if kind == 0:
            return
        whole += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (FULL, LAST):
            yield whole
            whole = b""


def main(path: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    protocol: Any = wandb_internal_pb2  # generated, without types

    told: dict[str, Any] = {"config": {}, "history": [], "uses": [], "makes": []}
    for raw in records(path.read_bytes()):
        record = protocol.Record()
        record.ParseFromString(raw)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            told |= {
                "name": record.run.display_name,
                "group": record.run.run_group,
                "project": record.run.project,
            }
            told["config"] |= {
                item.key: json.loads(item.value_json) for item in record.run.config.update
            }
        elif kind == "history":
            told["history"].append(
                {
                    "/".join(i.nested_key) or i.key: json.loads(i.value_json)
                    for i in record.history.item
                }
            )
        elif kind == "artifact":
            where = "uses" if record.artifact.use_after_commit else "makes"
            told[where].append(
                [record.artifact.name, record.artifact.type, json.loads(record.artifact.metadata)]
            )
        elif kind == "exit":
            told["exit"] = record.exit.exit_code
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
