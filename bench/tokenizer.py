"""Compare the bytes of posts a token: the built-in base's tokenizer and GPT-2's.

    python bench/tokenizer.py --personas FOLDER --gpt2 FOLDER [--ours FILE]

`--personas` is a folder of NAME.jsonl.gz, posts of one author each; `--gpt2` a folder with
`encoder.json` and `vocab.bpe`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer, Tokenizer

from pairs import show
from popinjay.models import bases
from popinjay.pipeline import inspect

AUTHORS = {
    "English": "wl_barackobama",
    "English, 17th century": "pepys",
    "Spanish": "wl_cfkargentina",
    "French": "wl_elysee",
    "Japanese": "ja_dayukoume",
}


def bytes_per_token(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return the bytes a token over all texts. Every text has to decode to itself."""
    encoded = tokenizer.encode_batch(texts)
    assert all(tokenizer.decode(one.ids) == text for one, text in zip(encoded, texts, strict=True))
    return sum(len(text.encode()) for text in texts) / sum(len(one.ids) for one in encoded)


def main() -> None:
    """Print a row for each language."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--personas", type=Path, required=True)
    parser.add_argument("--gpt2", type=Path, required=True)
    parser.add_argument(
        "--ours", type=Path, default=bases.folder_of(bases.row(bases.BUILT_IN)) / "tokenizer.json"
    )
    args = parser.parse_args()
    ours = Tokenizer.from_file(str(args.ours))
    gpt2 = ByteLevelBPETokenizer(str(args.gpt2 / "encoder.json"), str(args.gpt2 / "vocab.bpe"))
    rows = [("bytes a token", f"{ours.get_vocab_size():>10,} {gpt2.get_vocab_size():>10,}")]
    for language, author in AUTHORS.items():
        (found,) = inspect(args.personas / f"{author}.jsonl.gz")
        texts = [text for _, text in found.result.kept]
        rows.append(
            (
                f"{language} ({author})",
                f"{bytes_per_token(ours, texts):>10.2f} {bytes_per_token(gpt2, texts):>10.2f}",
            )
        )
    show(rows)


if __name__ == "__main__":
    main()
