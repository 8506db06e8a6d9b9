"""A causal language model with its tokenizer: loading, encoding posts, scoring them. Training and sampling build on it."""

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

SCORED_AT_ONCE = 512  # tokens, padding included, that go through the layers together
LOGITS_AT_ONCE = (
    1 << 23
)  # 32 MB: of Gemma's vocabulary 512 tokens would be 537 MB, and as much again
TRIED = 64  # tokens of the longest text, to find out how a model makes its logits
AGREE = (
    1e-4  # nats by which head times hidden state may differ from the model's own logits: rounding
)


class _Piece(NamedTuple):
    text: int  # which text it is of
    ids: list[int]  # from the first token that begins a post on
    scored: int  # how many of them are only context


class LanguageModel:
    """A transformers model and tokenizer. A post stands between the tokens `begin` and `end`.

    They are one token, the tokenizer's end token, unless the model has another to begin with.
    """

    def __init__(self, model: Any, tokenizer: Any, special: SpecialTokens | None = None) -> None:
        special = special or SpecialTokens()
        self.model = model
        self.tokenizer = tokenizer
        self.folder: Path | None = None  # that it was loaded from
        self.eos_token: int = tokenizer.eos_token_id
        self.bos_token: int = self.eos_token if special.begin is None else special.begin
        rows = model.get_input_embeddings().num_embeddings
        never = suppressed_tokens(
            _specials(tokenizer), special.suppressed, self.bos_token, self.eos_token
        )
        self.suppressed_tokens = [
            token for token in never if token < rows
        ]  # that may never be drawn
        self._controls = frozenset(never) & frozenset(_added(tokenizer)) | {
            self.eos_token
        }  # others may be read, and never said
        self.sampling = PLAIN
        self.context: int = getattr(model.config, "max_position_embeddings", None) or 1024

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> LanguageModel:
        """The model in a folder, in float32, an adapter there added to its base model.

        Only safetensors are loaded, never a model's own code. Raises BaseModelError.
        """
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
        from transformers.utils import logging

        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        files = files_of(folder)
        check_config(files.folder)
        try:
            config = AutoConfig.from_pretrained(
                files.folder, local_files_only=True, trust_remote_code=False
            )
            check_room(
                files.folder,
                *(
                    _count(config, name)
                    for name in ("num_hidden_layers", "hidden_size", "vocab_size")
                ),
            )
            tokenizer = AutoTokenizer.from_pretrained(
                files.folder, local_files_only=True, trust_remote_code=False
            )
            both: Any = AutoModelForCausalLM.from_pretrained(
                files.folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
            model, about = both
            if missing := sorted(about["missing_keys"]):  # transformers would make them up
                raise ValueError(f"the weights {missing[0]} are not there")
        except BaseModelError:
            raise
        except (
            Exception
        ) as error:  # of a damaged or made-up folder transformers raises whatever comes
            reason = (
                str(error).strip().splitlines()[0][:200]
                if str(error).strip()
                else type(error).__name__
            )
            raise BaseModelError(
                f"The model in {folder} can't be loaded: {reason}",
                "It must be a causal language model that transformers knows, with its tokenizer.",
            ) from error
        if tokenizer.eos_token_id is None:
            raise BaseModelError(
                f"The tokenizer in {folder} has no end token to part posts with.",
                "Choose a base model whose tokenizer defines eos_token.",
            )
        if files.adapter is not None:
            merge_into(model, Adapter(files.adapter))
            model.generation_config = GenerationConfig.from_pretrained(files.adapter)
        _spare_memory_traffic(model)
        loaded = cls(model.to(device).eval(), tokenizer, read_special(files.settings))
        loaded.folder, loaded.sampling = folder, read_sampling(files.settings)
        return loaded

    def reload(self) -> None:
        """Replace the weights by those of the folder that the model was loaded from."""
        assert self.folder is not None, "only a model that was loaded can be reloaded"
        device = str(self.device)
        self.model = None  # never two models in memory
        self.model = LanguageModel.load(self.folder, device).model

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device

    @property
    def width(self) -> int:
        """Of the hidden states."""
        width: int = self.model.get_input_embeddings().embedding_dim
        return width

    @property
    def parameters(self) -> int:
        """How many weights there are, shared ones counted once."""
        return sum(p.numel() for p in self.model.parameters())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, bare. What looks like a special token in a text is plain text."""
        if not texts:
            return []
        name = self.tokenizer.convert_ids_to_tokens
        return [
            as_plain_text(ids, self._controls, name, lambda text: self._encode([text])[0])
            for ids in self._encode(texts)
        ]

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True
        )["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special ones left out."""
        text: str = self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def bits(
        self, texts: Sequence[str], before: Sequence[Sequence[str]] | None = None
    ) -> list[float]:
        """-log2 of the probability of each text, each scored from the token that begins it: alone, or after the posts `before` it.

        The end token after a text is not part of it. A text longer than the context is scored in pieces, each behind the
        token that begins a text. Of the posts before, the first are left out where the context has no room for all.
        """
        import torch

        pieces = self._pieces(texts, before or [()] * len(texts))
        pieces.sort(key=lambda piece: len(piece.ids))
        bits = [0.0] * len(texts)
        with torch.inference_mode():
            is_plain = bool(pieces) and self._has_plain_head(pieces[-1].ids[:TRIED])
            score = self._losses if is_plain else self._losses_of_logits
            for group in _groups(pieces):
                ids = torch.full((len(group), len(group[-1].ids)), self.eos_token)
                wanted = torch.zeros((len(group), len(group[-1].ids) - 1), dtype=torch.bool)
                for place, piece in enumerate(group):
                    ids[place, : len(piece.ids)] = torch.tensor(piece.ids)
                    wanted[place, piece.scored - 1 : len(piece.ids) - 1] = True
                losses = score(ids.to(self.device), wanted.to(self.device)).cpu().double()
                start = 0
                for piece in group:
                    end = start + len(piece.ids) - piece.scored
                    bits[piece.text] += losses[start:end].sum().item() / math.log(2)
                    start = end
        return bits

    def _losses(self, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Compute the cross-entropy in nats (places,) of the tokens behind the places `wanted`.

        `ids` has the shape (texts, length), `wanted` (texts, length - 1). The head is applied to
        some places at a time, so that the logits of all are never in memory together.
        """
        import torch

        hidden = self.model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        hidden, targets = hidden[wanted], ids[:, 1:][wanted]
        head = self.model.get_output_embeddings()
        losses = torch.empty(len(targets), device=ids.device)
        stride = max(1, LOGITS_AT_ONCE // len(head.weight))
        for start in range(0, len(targets), stride):
            part = slice(start, start + stride)
            logits = head(hidden[part]).float()
            losses[part] = torch.nn.functional.cross_entropy(
                logits, targets[part], reduction="none"
            )
        return losses

    def _losses_of_logits(self, ids: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """Compute what `_losses` does from the model's own logits, however it makes them."""
        import torch

        logits = self.model(input_ids=ids[:, :-1], use_cache=False).logits[wanted].float()
        return torch.nn.functional.cross_entropy(logits, ids[:, 1:][wanted], reduction="none")

    def _has_plain_head(self, ids: Sequence[int]) -> bool:
        """Try on one text whether the logits are the head applied to the last hidden states.

        Some models scale or limit their logits afterwards.
        """
        import torch

        if not isinstance(self.model.get_output_embeddings(), torch.nn.Linear):
            return False
        table = torch.tensor([list(ids)], device=self.device)
        wanted = torch.ones_like(table[:, 1:], dtype=torch.bool)
        difference = self._losses(table, wanted) - self._losses_of_logits(table, wanted)
        return bool(difference.abs().max() < AGREE)

    def _pieces(self, texts: Sequence[str], before: Sequence[Sequence[str]]) -> list[_Piece]:
        """What is scored at once: each text from the token that begins it, behind as many whole posts as there is room for."""
        found = []
        for number, (ids, posts) in enumerate(zip(self.encode(texts), before, strict=True)):
            context: list[int] = [self.bos_token]
            between = (
                [self.bos_token]
                if self.bos_token == self.eos_token
                else [self.eos_token, self.bos_token]
            )
            for post in reversed(self.encode(posts)):
                if len(post) + len(between) + len(context) + len(ids) > self.context:
                    break
                context = [self.bos_token, *post, *between, *context[1:]]
            most = self.context - 1  # a text with something before it fits whole
            found += [
                _Piece(number, [*context, *ids[start : start + most]], len(context))
                for start in range(0, len(ids), most)
            ]
        return found

    def say_by_default(self, **settings: Any) -> None:
        """How `pipeline("text-generation")` and the hub's widget draw from this model once it is saved; no top-k."""
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

        for word in (
            "local_files_only",
            "is_local",
            "trust_remote_code",
        ):  # how it was loaded is nothing about it
            self.tokenizer.init_kwargs.pop(word, None)

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.model.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)

    def save_thin(self, folder: Path, base: Base) -> None:
        """Write what a folder with the adapter still needs: generation config, and the base's record."""
        self.model.generation_config.save_pretrained(folder)
        write_record(base, folder)


def write_whole(folder: Path, to: Path) -> None:
    """Write a model that is kept thin as standard transformers files. Raises BaseModelError."""
    LanguageModel.load(folder).save(to)


def _count(config: Any, name: str) -> int:
    """A size in a config, defaults of its kind of model included; 0 where it has none of this name."""
    value = getattr(config, name, 0)
    return value if isinstance(value, int) else 0


def _specials(tokenizer: Any) -> list[int]:
    """The numbers of a tokenizer's special tokens."""
    return [
        *tokenizer.all_special_ids,
        *(number for number, token in _added(tokenizer).items() if token.special),
    ]


def _added(tokenizer: Any) -> dict[int, Any]:
    """The tokens that were added to a tokenizer's vocabulary, by number."""
    found: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
    return found


def bits_per_byte(bits: Sequence[float], texts: Sequence[str]) -> float:
    """Comparable across tokenizers: all bits over all UTF-8 bytes."""
    return sum(bits) / max(1, sum(len(text.encode()) for text in texts))


def _spare_memory_traffic(model: Any) -> None:
    """Have torch's own GELU in place of the seven operations that transformers writes it with: the same function, a tenth of a training step less."""
    import torch
    from transformers import activations

    slow = (activations.NewGELUActivation, activations.FastGELUActivation, activations.GELUTanh)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, slow):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))


def _groups(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces of like length, in groups that padding keeps small."""
    group: list[_Piece] = []
    for piece in pieces:
        if group and (len(group) + 1) * len(piece.ids) > SCORED_AT_ONCE:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group
