"""Prompts that suit any author, in the languages of most posts.

The first is HuggingTweets', which is used if nobody gives one.
"""

from __future__ import annotations

from collections.abc import Mapping

PROMPTS = {
    "ar": "حلمي هو",
    "de": "Mein Traum ist",
    "en": "My dream is",
    "es": "Mi sueño es",
    "fr": "Mon rêve est",
    "he": "החלום שלי הוא",
    "id": "Mimpiku adalah",
    "it": "Il mio sogno è",
    "ja": "私の夢は",
    "ko": "내 꿈은",
    "nl": "Mijn droom is",
    "pt": "Meu sonho é",
    "ru": "Моя мечта —",
    "tr": "Benim hayalim",
    "zh": "我的梦想是",
}
TODAY = {  # "Today I", in the same languages
    "ar": "اليوم",
    "de": "Heute habe ich",
    "en": "Today I",
    "es": "Hoy",
    "fr": "Aujourd’hui",
    "he": "היום",
    "id": "Hari ini",
    "it": "Oggi",
    "ja": "今日は",
    "ko": "오늘은",
    "nl": "Vandaag",
    "pt": "Hoje",
    "ru": "Сегодня",
    "tr": "Bugün",
    "zh": "今天",
}


def main_language(shares: Mapping[str, float]) -> str:
    """Return the language with the largest share of an author's posts, by code."""
    return max(shares, key=lambda code: shares[code], default="en").split("-")[0]


def usual_prompt(shares: Mapping[str, float]) -> str:
    """Return the prompt in the language with the largest share; in English if there is none."""
    return PROMPTS.get(main_language(shares), PROMPTS["en"])


def usual_prompts(shares: Mapping[str, float]) -> list[str]:
    """Return two prompts to choose from, in the language with the largest share."""
    return [usual_prompt(shares), TODAY.get(main_language(shares), TODAY["en"])]
