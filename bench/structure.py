"""Measure how the source is laid out and worded, to compare two revisions.

    python bench/structure.py [ROOT] [--names]

ROOT is a checkout of the repository; the default is this one. The output has the Python files in
each folder, the imports between the top-level packages and modules of `popinjay`, the syntax nodes
a line of code, the share of lines over 100 columns, the docstrings that say "where" for "if", and
the identifiers that were to be replaced by the field's terms. `--names` lists every such
identifier with its file and line. Nothing is imported, so that any revision can be measured.

Two of these are heuristics. "Where" counts as "if" unless a word before it says that a place is
meant ("the folder where", "says where"), it begins the docstring, or "to" follows it. Words with
an everyday meaning (`read`, `look`) count only in the files in which they had a private one; a
name that equals a key in a JSON file counts too, although the key has to stay.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path("src/popinjay")
COLUMNS = 100
LINES_OF = {  # folders whose lines are measured, and the endings of their files
    "src": (".py", ".js"),
    "tests": (".py",),
    "bench": (".py",),
    "pretraining": (".py",),
    "demo": (".py",),
}


class Word(NamedTuple):
    """A private word, what replaces it, and the files in which it had its private meaning.

    A word that is private everywhere also counts as a part of a longer name.
    """

    old: str
    new: str
    scope: str  # an expression for the file's path below the package


_GENERATION = r"^(decoding|inference|sampling|generate|persona|serving|server)\b"
_DECODERS = r"^inference/(decoder|torch_decoder|tokenizer|onnx/decoder)\b"
_TRAINING = r"^(tuning|training|train|stages/train)\b"
_METRICS = r"^(evaluation|metrics|report|evaluate|stages/evaluate)\b"
_SERVER = r"^(serving|server)\b"
_TRACKERS = r"^trackers\b"
_NETWORK = r"^sources\b"
_EVERYWHERE = ""

WORDS = tuple(
    Word(*row)
    for row in (
        ("desk", "BatchScheduler", _EVERYWHERE),
        ("seat", "Slot", _EVERYWHERE),
        ("Writer", "Request", _GENERATION),
        ("writer", "request", _GENERATION),
        ("Writing", "GenerationRequest", _EVERYWHERE),
        ("writing", "generation", _SERVER),
        ("Showing", "StreamBuffer", _EVERYWHERE),
        ("showing", "buffer", _GENERATION),
        ("Beginning", "PrefilledPrompt", _EVERYWHERE),
        ("beginning", "prompt", _GENERATION),
        ("begin", "prefill, bos_token", rf"^(decoding|sampling)\b|{_DECODERS}"),
        ("covers", "continuations", _GENERATION),
        ("taken", "healed_tokens", r"^(decoding|sampling)/prompt"),
        ("Said", "GeneratedPost, RecentOutputs", _EVERYWHERE),
        ("said", "post, recent_outputs", _SERVER),
        ("Descent", "FusedBackwardAdamW", _EVERYWHERE),
        ("descent", "optimizer", _EVERYWHERE),
        ("learner", "TrainStep", _EVERYWHERE),
        ("short_way", "fused_loss", _EVERYWHERE),
        ("long_way", "full_loss", _EVERYWHERE),
        ("look", "validate", _TRAINING),
        ("looks", "validations", _TRAINING),
        ("listen", "check_memorization", _TRAINING),
        ("listens", "checks_memorization", _TRAINING),
        ("recites", "memorizing", _EVERYWHERE),
        ("why", "stop_reason", _TRAINING),
        ("watched", "validation_texts, tracking", _EVERYWHERE),
        ("rate", "learning_rate", _TRAINING),
        ("Clock", "Schedule", _EVERYWHERE),
        ("clock", "schedule", _TRAINING),
        ("Standing", "TrainingState", _EVERYWHERE),
        ("standing", "state", _TRAINING),
        ("habits", "stylometry", _EVERYWHERE),
        ("lineup", "CandidateAuthors", _EVERYWHERE),
        ("taken_for", "attribution, attributed_share", _EVERYWHERE),
        ("authorship", "attribution", _EVERYWHERE),
        ("of_share", "wilson_interval", _EVERYWHERE),
        ("of_mean", "bootstrap_mean", _EVERYWHERE),
        ("told_apart", "two_sample_auc", _EVERYWHERE),
        ("told", "ledger, events, StreamEvent", _EVERYWHERE),
        ("place", "AppState, Location, index", rf"{_SERVER}|{_TRACKERS}"),
        ("places", "locations", _TRACKERS),
        ("voice", "GenerationWorker, ModelPool", _EVERYWHERE),
        ("hearing", "Subscription", _EVERYWHERE),
        ("telling", "EventStream", _EVERYWHERE),
        ("overview", "catalog", _SERVER),
        ("asking", "questions", _EVERYWHERE),
        ("What", "EventKind", _EVERYWHERE),
        ("nobody", "ignore", _EVERYWHERE),
        ("Rules", "OutputFilters", _EVERYWHERE),
        (
            "rules",
            "filters, drops",
            rf"^(rules|clean|stages|options|picture|evaluation)\b|{_GENERATION}",
        ),
        ("drawer", "Sampler", _EVERYWHERE),
        ("weigh", "load_logits", _EVERYWHERE),
        ("draw", "sample", _GENERATION),
        ("drawn", "sampled", rf"{_GENERATION}|{_TRAINING}"),
        ("Shape", "SamplingParams", r"^(decoding/drawing|sampling)\b"),
        ("shape", "params", r"^(decoding/drawing|sampling/(sampler|generate|prompt|sequence))"),
        ("Draft", "TokenSequence", _EVERYWHERE),
        ("draft", "sequence", _GENERATION),
        ("Growing", "StreamingDetokenizer", _EVERYWHERE),
        ("growing", "detokenizer", _GENERATION),
        ("Decoder.read", "prefill", _GENERATION),
        ("Decoder.apart", "clone", _GENERATION),
        ("Decoder.keep", "filter", _GENERATION),
        ("Decoder.joins", "supports_joining", _GENERATION),
        ("rows_that_fit", "max_batch_rows", _EVERYWHERE),
        ("Copies", "VerbatimIndex", _EVERYWHERE),
        ("Following", "IncrementalMatcher", _EVERYWHERE),
        ("following", "matcher", r"^(copying|rules|text/verbatim_index|sampling/filters)\b"),
        ("formula", "min_holders", _EVERYWHERE),
        ("mark", "hash", r"^(copying|text/verbatim_index)\b"),
        ("marks", "hashes", r"^(copying|text/verbatim_index)\b"),
        ("lesson", "batch, training sequence", _EVERYWHERE),
        ("plan", "schedule_batches", _TRAINING),
        ("Others", "SampledNegatives", _EVERYWHERE),
        ("others", "negatives", r"^(tuning|training)/(loss|fused|vocabulary)"),
        ("rows_at_work", "active_rows", _EVERYWHERE),
        ("machine", "device", _TRAINING),
        ("modes", "trainable", _TRAINING),
        ("mode", "trainable_weights", _TRAINING),
        ("halves", "self_split_auc", _METRICS),
        ("Overlap", "Memorization", _EVERYWHERE),
        ("overlap", "memorization", _METRICS),
        ("variety", "diversity", _EVERYWHERE),
        ("leaks", "pii_leaks", _METRICS),
        ("game", "quiz", _EVERYWHERE),
        ("of_run", "load", _EVERYWHERE),
        ("Link", "TrackerClient", _TRACKERS),
        ("link", "client", _TRACKERS),
        ("Watcher", "TrackingListener", _EVERYWHERE),
        ("watch", "listener", _TRACKERS),
        ("about", "meta", _SERVER),
        ("Refused", "ApiError", _SERVER),
        ("refused", "error", _SERVER),
        ("answers", "errors, responses", _SERVER),
        ("guard", "auth", _EVERYWHERE),
        ("web", "http_client", _NETWORK),
        ("connecting", "connection", _EVERYWHERE),
        ("remote", "account", _NETWORK),
        ("guesses", "hints", _NETWORK),
        ("Asides", "Overhead", _EVERYWHERE),
        ("aside", "overhead", _TRAINING),
        ("untouched", "untouched_base", r"^evaluation\b"),
        ("stranger", "UnknownNames", _EVERYWHERE),
        ("Asked", "GenerationQuery", _SERVER),
        ("unsayable", "suppressed_tokens", _EVERYWHERE),
    )
)
MODULES = frozenset(  # names of files that the table replaces
    "desk drawing draft descent lessons learner clock machine modes habits told_apart authorship"
    " overlap variety leaks interval comparison of_run game told link watch place about said"
    " speaking overview refused answers guard asking web connecting remote guesses rules open"
    " untouched asides".split()
)

_PLACE_BEFORE = re.compile(
    r"\b(and|or|from|to|of|is|are|find|finds|say|says|know|knows|show|shows|tell|tells|see|sees"
    r"|choose|chooses|file|files|folder|folders|place|places|page|pages|line|directory|path"
    r"|position|position,|offset|byte|character)$"
)


class Import(NamedTuple):
    """An import of one module by another; both are dotted names below the package."""

    importer: str
    imported: str


class Found(NamedTuple):
    """An identifier that should have been replaced."""

    name: str
    replacement: str
    path: Path
    line: int


def python_files(root: Path) -> list[Path]:
    """Return the package's Python files, sorted."""
    return sorted((root / PACKAGE).rglob("*.py"))


@cache
def parse(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text("utf-8"))


def module_name(path: Path) -> str:
    """Return the dotted name of a file that is relative to the package."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node of a tree but those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from runtime_nodes(child)


def imports(root: Path) -> set[Import]:
    """Return the imports among the package's modules, those inside functions included."""
    paths = [path.relative_to(root / PACKAGE) for path in python_files(root)]
    modules = {module_name(path) for path in paths}
    found: set[Import] = set()
    for path in paths:
        tree = parse(root / PACKAGE / path)
        for node in runtime_nodes(tree):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                target = name.removeprefix("popinjay").removeprefix(".")
                if name.partition(".")[0] != "popinjay":
                    continue
                if target not in modules:
                    target = target.rpartition(".")[0]
                found.add(Import(module_name(path), target))
    return found


def code_lines(source: str) -> int:
    """Return the number of lines that hold code: no blank lines, comments or docstrings."""
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    is_statement_start = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in skipped:
            is_statement_start |= token.type != tokenize.COMMENT and token.type != tokenize.NL
            continue
        if not (is_statement_start and token.type == tokenize.STRING):
            lines.update(range(token.start[0], token.end[0] + 1))
        is_statement_start = False
    return len(lines)


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield each docstring on one line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield " ".join((ast.get_docstring(node) or "").split())


def says_where_for_if(docstring: str) -> bool:
    """Return whether a docstring probably says "where" for "if" (see the module's docstring)."""
    for match in re.finditer(r"\bwhere\b(?! to\b)", docstring, re.IGNORECASE):
        before = docstring[: match.start()].rstrip()
        if before and not _PLACE_BEFORE.search(before):
            return True
    return False


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int, str]]:
    """Yield each identifier with its line and, for a method's definition, the name of its class."""
    owners = {
        id(item): node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for item in node.body
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno, owners.get(id(node), "")
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno, ""
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.end_lineno or node.lineno, ""
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg, node.lineno, ""
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.rpartition(".")[2], node.lineno, ""


def matches(name: str, owner: str, word: str, *, is_anywhere: bool) -> bool:
    """Return whether an identifier is a private word or, if that is private anywhere, has it.

    Args:
        name: The identifier.
        owner: The class whose method is defined here, or "".
        word: The private word; `Class.method` matches only definitions in classes so named.
        is_anywhere: Whether the word is private in all files.
    """
    class_name, _, method = word.rpartition(".")
    if class_name:
        return name == method and owner.endswith(class_name)
    bare = name.strip("_")
    if not word.islower():
        return bare == word
    forms = (word, f"{word}s")
    if not is_anywhere:
        return bare.lower() in forms
    return any(f"_{form}_" in f"_{snake_case(bare)}_" for form in forms)


@cache
def snake_case(name: str) -> str:
    """Return a name in snake_case."""
    return "_".join(re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)).lower()


@cache
def find_word(name: str, owner: str, words: tuple[Word, ...]) -> Word | None:
    """Return the first of some private words that accounts for an identifier."""
    for word in words:
        if matches(name, owner, word.old, is_anywhere=word.scope == _EVERYWHERE):
            return word
    return None


def private_names(root: Path) -> list[Found]:
    """Return every identifier of the package that one of the private words accounts for."""
    found: list[Found] = []
    for path in python_files(root):
        below = path.relative_to(root / PACKAGE)
        words = tuple(word for word in WORDS if re.search(word.scope, below.as_posix()))
        if below.stem in MODULES:
            found.append(Found(below.stem, "a file", below, 0))
        for name, line, owner in identifiers(parse(path)):
            if word := find_word(name, owner, words):
                found.append(Found(name, word.new, below, line))
    return found


def show_folders(root: Path) -> None:
    """Print the number of Python files in each folder of the package."""
    counts = Counter(path.relative_to(root / PACKAGE).parent for path in python_files(root))
    print(f"Python files: {counts.total()} in {len(counts)} folders")
    for folder, count in sorted(counts.items()):
        print(f"  {count:4}  {folder.as_posix()}/")


def show_imports(root: Path) -> None:
    """Print how the package's top-level packages and modules import each other."""
    across = {
        found
        for found in imports(root)
        if found.imported
        and found.importer
        and found.importer.partition(".")[0] != found.imported.partition(".")[0]
    }
    pairs = {(one.importer.partition(".")[0], one.imported.partition(".")[0]) for one in across}
    mutual = sorted(pair for pair in pairs if pair[::-1] in pairs and pair < pair[::-1])
    rooms = {
        path.relative_to(root / PACKAGE).parts[0].removesuffix(".py") for path in python_files(root)
    } - {"__init__", "__main__"}
    print(f"Top-level packages and modules: {len(rooms)}")
    print(f"Imports between them: {len(across)} from module to module, {len(pairs)} pairs")
    listed = ", ".join(f"{one} and {other}" for one, other in mutual)
    print(f"Pairs that import each other: {len(mutual)}{listed and f' ({listed})'}")


def show_density(root: Path) -> None:
    """Print the syntax nodes a line of code, and the share of long lines in each folder."""
    nodes = 0
    lines = 0
    for path in python_files(root):
        nodes += sum(1 for _ in ast.walk(parse(path)))
        lines += code_lines(path.read_text("utf-8"))
    print(f"Syntax nodes a line of code: {nodes / lines:.1f} ({nodes:,} nodes, {lines:,} lines)")
    for folder, endings in LINES_OF.items():
        files = [path for path in (root / folder).rglob("*") if path.suffix in endings]
        sizes = [len(line) for path in files for line in path.read_text("utf-8").splitlines()]
        if sizes:
            long = sum(size > COLUMNS for size in sizes)
            share = f"{long / len(sizes):.2%} ({long:,} of {len(sizes):,})"
            print(f"Lines over {COLUMNS} columns in {folder}: {share}")


def show_docstrings(root: Path) -> None:
    """Print how many docstrings say "where" for "if"."""
    texts = [text for path in python_files(root) for text in docstrings(parse(path)) if text]
    count = sum(map(says_where_for_if, texts))
    print(f'Docstrings with "where" for "if" (a heuristic): {count:,} of {len(texts):,}')


def show_names(root: Path, *, is_listed: bool) -> None:
    """Print how often each private word remains as an identifier, the most frequent first."""
    found = private_names(root)
    print(f"Identifiers that the field's terms were to replace: {len(found):,}")
    by_name: dict[tuple[str, str], list[Found]] = {}
    for one in found:
        by_name.setdefault((one.name, one.replacement), []).append(one)
    for (name, replacement), uses in sorted(
        by_name.items(), key=lambda item: (-len(item[1]), item[0])
    ):
        print(f"  {len(uses):4}  {name} ({replacement})")
        for path in sorted({use.path for use in uses}) if is_listed else ():
            lines = sorted({use.line for use in uses if use.path == path})
            print(f"          {path.as_posix()}:{','.join(map(str, lines))}")


def main() -> None:
    """Print every measure of one checkout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--names", action="store_true", help="list each identifier's lines")
    args = parser.parse_args()
    show_folders(args.root)
    show_imports(args.root)
    show_density(args.root)
    show_docstrings(args.root)
    show_names(args.root, is_listed=args.names)


if __name__ == "__main__":
    main()
