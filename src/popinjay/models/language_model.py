"""A causal language model with its tokenizer: loading, tokenizing, scoring and saving."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from popinjay.errors import BaseModelError
from popinjay.models.adapter import Adapter, merge_into
from popinjay.models.config_limits import check_config, check_room
from popinjay.models.model_files import files_of, write_record
from popinjay.models.sampling_defaults import PLAIN, read_sampling
from popinjay.models.special_tokens import (
    SpecialTokens,
    as_plain_text,
    read_special,
    suppressed_tokens,
)

if TYPE_CHECKING:
    import torch

    from popinjay.models.bases import Base

MAX_BATCH_TOKENS = 512  # scored at once, padding included
MAX_CHUNK_LOGITS = 1 << 23  # held at once: 32 MB (512 tokens of Gemma's would be 537 MB)
PROBE_TOKENS = 64  # of the longest text, to find out how a model computes its logits
MAX_LOSS_DIFFERENCE = 1e-4  # nats, between head times hidden states and own logits: rounding only


class _Piece(NamedTuple):
    """A part of a text that is scored at once, behind its context."""

    text: int  # index of the text
    ids: list[int]  # the context, which starts with a begin token, and the part itself
    context: int  # length of the context


class LanguageModel:
    """A transformers model and its tokenizer.

    A post is between `bos_token` and `eos_token`. Both are the tokenizer's end token unless the
    model has a begin token.
    """

    def __init__(self, model: Any, tokenizer: Any, special: SpecialTokens | None = None) -> None:
        special = special or SpecialTokens()
        self.model = model
        self.tokenizer = tokenizer
        self.folder: Path | None = None  # it was loaded from
        self.eos_token: int = tokenizer.eos_token_id
        self.bos_token: int = self.eos_token if special.bos_token is None else special.bos_token
        rows = model.get_input_embeddings().num_embeddings
        suppressed = suppressed_tokens(
            _special_ids(tokenizer), special.suppressed, self.bos_token, self.eos_token
        )
        self.suppressed_tokens = [token for token in suppressed if token < rows]  # never sampled
        # Suppressed tokens that are not control tokens may be read from a text, but never sampled
        self._controls = frozenset(suppressed) & frozenset(_added(tokenizer)) | {self.eos_token}
        self.sampling = PLAIN
        self.context: int = getattr(model.config, "max_position_embeddings", None) or 1024

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> LanguageModel:
        """Load the model in a folder in float32, merging an adapter into its base model.

        Only safetensors are loaded, and never a model's own code. Raises BaseModelError.
        """
        from transformers import GenerationConfig
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        files = files_of(folder)
        check_config(files.folder)
        try:
            model, tokenizer = _load(files.folder)
        except BaseModelError:
            raise
        except Exception as error:  # transformers raises anything for a damaged folder
            lines = str(error).strip().splitlines()
            reason = lines[0][:200] if lines else type(error).__name__
            raise BaseModelError(
                f"The model in {folder} can't be loaded: {reason}",
                "It must be a causal language model that transformers knows, with its tokenizer.",
            ) from error
        if tokenizer.eos_token_id is None:
            raise BaseModelError(
                f"The tokenizer in {folder} has no end token to separate posts with.",
                "Choose a base model whose tokenizer defines eos_token.",
            )
        if files.adapter is not None:
            merge_into(model, Adapter(files.adapter))
            model.generation_config = GenerationConfig.from_pretrained(files.adapter)
        _fuse_gelu(model)
        loaded = cls(model.to(device).eval(), tokenizer, read_special(files.settings))
        loaded.folder = folder
        loaded.sampling = read_sampling(files.settings)
        return loaded

    def reload(self) -> None:
        """Load the weights again from the folder of the model."""
        assert self.folder is not None, "only a model that was loaded can be reloaded"
        device = str(self.device)
        self.model = None  # frees the memory first
        self.model = LanguageModel.load(self.folder, device).model

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        device: torch.device = self.model.device
        return device

    @property
    def width(self) -> int:
        """The width of the hidden states."""
        width: int = self.model.get_input_embeddings().embedding_dim
        return width

    @property
    def parameters(self) -> int:
        """The number of weights; shared ones count once."""
        return sum(p.numel() for p in self.model.parameters())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize texts, without special tokens, whose names in them are plain text."""
        if not texts:
            return []
        spell = self.tokenizer.convert_ids_to_tokens
        return [
            as_plain_text(ids, self._controls, spell, lambda text: self._encode([text])[0])
            for ids in self._encode(texts)
        ]

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True
        )["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        text: str = self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def bits(
        self, texts: Sequence[str], before: Sequence[Sequence[str]] | None = None
    ) -> list[float]:
        """Return -log2 of the probability of each text, given the begin token.

        The end token after a text is not scored. A text longer than the context is scored in
        pieces, each after a begin token.

        Args:
            texts: The texts.
            before: For each text the posts before it, which it is conditioned on. The first are
                left out if the context has no room for all.
        """
        import torch

        pieces = self._pieces(texts, before or [()] * len(texts))
        pieces.sort(key=lambda piece: len(piece.ids))
        bits = [0.0] * len(texts)
        with torch.inference_mode():
            is_plain = bool(pieces) and self._has_plain_head(pieces[-1].ids[:PROBE_TOKENS])
            score = self._losses if is_plain else self._losses_of_logits
            for batch in _batches(pieces):
                length = len(batch[-1].ids)
                ids = torch.full((len(batch), length), self.eos_token)
                mask = torch.zeros((len(batch), length - 1), dtype=torch.bool)
                for row, piece in enumerate(batch):
                    ids[row, : len(piece.ids)] = torch.tensor(piece.ids)
                    mask[row, piece.context - 1 : len(piece.ids) - 1] = True
                losses = score(ids.to(self.device), mask.to(self.device)).cpu().double()
                start = 0
                for piece in batch:
                    end = start + len(piece.ids) - piece.context
                    bits[piece.text] += losses[start:end].sum().item() / math.log(2)
                    start = end
        return bits

    def _losses(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy (targets,) of the masked targets, in nats, float32.

        The head is applied in chunks, so that the logits of a whole batch are never in memory.

        Args:
            ids: The tokens (batch, length).
            mask: True for each token, but the first of a row, that is scored (batch, length - 1).
        """
        import torch

        hidden = self.model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        hidden = hidden[mask]  # (targets, width)
        targets = ids[:, 1:][mask]
        head = self.model.get_output_embeddings()
        losses = torch.empty(len(targets), device=ids.device)
        chunk_size = max(1, MAX_CHUNK_LOGITS // len(head.weight))
        for start in range(0, len(targets), chunk_size):
            chunk = slice(start, start + chunk_size)
            logits = head(hidden[chunk]).float()
            losses[chunk] = torch.nn.functional.cross_entropy(
                logits, targets[chunk], reduction="none"
            )
        return losses

    def _losses_of_logits(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return what `_losses` does, from the model's own logits."""
        import torch

        logits = self.model(input_ids=ids[:, :-1], use_cache=False).logits[mask].float()
        return torch.nn.functional.cross_entropy(logits, ids[:, 1:][mask], reduction="none")

    def _has_plain_head(self, ids: Sequence[int]) -> bool:
        """Return whether the logits are the head applied to the last hidden states.

        Some models scale or cap their logits afterwards. It is tried on the tokens `ids`.
        """
        import torch

        if not isinstance(self.model.get_output_embeddings(), torch.nn.Linear):
            return False
        batch = torch.tensor([list(ids)], device=self.device)
        mask = torch.ones_like(batch[:, 1:], dtype=torch.bool)
        difference = self._losses(batch, mask) - self._losses_of_logits(batch, mask)
        return bool(difference.abs().max() < MAX_LOSS_DIFFERENCE)

    def _pieces(self, texts: Sequence[str], before: Sequence[Sequence[str]]) -> list[_Piece]:
        """Split texts into pieces, each with its context.

        The context of a text is its begin token, and before it as many whole posts as fit.
        """
        separator = [self.eos_token, self.bos_token]
        if self.bos_token == self.eos_token:
            separator = [self.bos_token]
        pieces = []
        for index, (ids, posts) in enumerate(zip(self.encode(texts), before, strict=True)):
            context: list[int] = [self.bos_token]
            for post in reversed(self.encode(posts)):
                if len(post) + len(separator) + len(context) + len(ids) > self.context:
                    break
                context = [self.bos_token, *post, *separator, *context[1:]]
            max_tokens = self.context - 1  # a text with posts before it always fits whole
            pieces += [
                _Piece(index, [*context, *ids[start : start + max_tokens]], len(context))
                for start in range(0, len(ids), max_tokens)
            ]
        return pieces

    def set_generation_config(self, **settings: Any) -> None:
        """Set how `pipeline("text-generation")` and the hub's widget sample from the saved model.

        Top-k is off.
        """
        from transformers import GenerationConfig

        settings |= {
            "bos_token_id": self.bos_token,
            "eos_token_id": self.eos_token,
            "pad_token_id": self.eos_token,
        }
        if self.suppressed_tokens:
            settings["suppress_tokens"] = list(self.suppressed_tokens)
        self.model.generation_config = GenerationConfig(**settings, top_k=0)  # type: ignore[no-untyped-call]

    def save(self, folder: Path) -> None:
        """Write standard transformers files: safetensors, tokenizer, generation config."""
        from transformers.utils import logging

        # Arguments of loading, which transformers would save
        for name in ("local_files_only", "is_local", "trust_remote_code"):
            self.tokenizer.init_kwargs.pop(name, None)

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)

    def save_thin(self, folder: Path, base: Base) -> None:
        """Write the rest of a thin model: its generation config, and the record of its base."""
        self.model.generation_config.save_pretrained(folder)
        write_record(base, folder)


def write_whole(folder: Path, to: Path) -> None:
    """Write a thin model as standard transformers files. Raises BaseModelError."""
    LanguageModel.load(folder).save(to)


def _load(folder: Path) -> tuple[Any, Any]:
    """Load a model in float32 and its tokenizer with transformers, which raises anything.

    Raises BaseModelError if the config is not plausible, and ValueError if weights are missing,
    which transformers would initialize at random.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    sizes = [_size(config, name) for name in ("num_hidden_layers", "hidden_size", "vocab_size")]
    check_room(folder, *sizes)
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    model, info = loaded
    if missing := sorted(info["missing_keys"]):
        raise ValueError(f"the weights {missing[0]} are not there")
    return model, tokenizer


def _size(config: Any, name: str) -> int:
    """Return a size in a config or of its model type's defaults; 0 if it has none of this name."""
    value = getattr(config, name, 0)
    return value if isinstance(value, int) else 0


def _special_ids(tokenizer: Any) -> list[int]:
    """Return the ids of a tokenizer's special tokens."""
    added = [token_id for token_id, token in _added(tokenizer).items() if token.special]
    return [*tokenizer.all_special_ids, *added]


def _added(tokenizer: Any) -> dict[int, Any]:
    """Return the tokens that were added to a tokenizer's vocabulary, by id."""
    added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
    return added


def bits_per_byte(bits: Sequence[float], texts: Sequence[str]) -> float:
    """Return all bits over all UTF-8 bytes, which is comparable across tokenizers."""
    return sum(bits) / max(1, sum(len(text.encode()) for text in texts))


def _fuse_gelu(model: Any) -> None:
    """Replace transformers' GELU of seven operations by torch's own.

    It is the same function, and saves a tenth of a training step.
    """
    import torch
    from transformers import activations

    unfused = (activations.NewGELUActivation, activations.FastGELUActivation, activations.GELUTanh)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, unfused):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))


def _batches(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    """Yield batches of pieces, which are sorted by length."""
    batch: list[_Piece] = []
    for piece in pieces:
        if batch and (len(batch) + 1) * len(piece.ids) > MAX_BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch
