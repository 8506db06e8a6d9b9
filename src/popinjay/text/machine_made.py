"""Detect posts that an app wrote in its user's name.

They are recognised by the form of the whole sentence, mostly together with a link or the name of
the advertised app: "I just earned my degree!" was written by a person, "I just earned the 'Owl'
badge on @untappd!" was not.
"""

from __future__ import annotations

import re

_LINK = re.compile(
    r"https?:|\bpic\.\w+\.com|\b[\w-]+\.(?:ly|be|gl|me|li|fm|to|st|am|us|it|gs)/\w", re.IGNORECASE
)
_FITNESS = (
    r"(?:@|#)?(?:fitbit|nike|runkeeper|runtastic|endomondo|strava|garmin|mapmy\w+|adidas|pacer"
    r"|s ?health|samsung|polar|withings|dailymile|smashrun|sports ?tracker|zepp|mi ?fit|huawei)"
)
_DISTANCE = r"[\d,.]+ ?(?:km|mi|miles?|kilomet\w+|steps|hours?|minutes?|meters?|metres?)\b"
_FOLLOWERS = r"\d+ (?:new |more )?(?:un)?(?:followers?|tweeps|people (?:un)?followed me)"

# in any case
_ALWAYS = (
    (
        r"I just (?:unlocked|earned|won|got|received) (?:the|an?) "
        r"(?:[\"“'‘].{1,60}[\"”'’]|.{1,60}) ?\(?(?:level \d+\)?)?.{0,20}"
        r"(?:badge|sticker|trophy|achievement).{0,20}(?:on|in|at|from|for|with) (?:@\w+"
        r"|[#\"“]?[A-Z]\w+)"
    ),
    r"I just ousted .{1,60} as the mayor of .+",
    r"I just (?:became|was crowned) the mayor of .{1,80}(?:@foursquare|\bon foursquare)",
    (
        rf"I (?:just )?(?:walked|ran|cycled|biked|slept|hiked|swam|completed"
        rf"|finished).{{0,40}}{_DISTANCE}.{{0,80}}(?:with|using|on|via) {_FITNESS}"
    ),
    (
        rf"(?:I(?:'ve| have)? )?just (?:finished|completed|posted"
        rf"|did) .{{0,40}}{_DISTANCE}.{{0,80}}(?:with|using|on|via) {_FITNESS}"
    ),
    r".{0,120}\b(?:automatically checked by|checked by|tracked by|stats by) .*",
    r"My (?:week|day|month|year) on Twitter\W{0,6}:.*\d",
    r"How I did on Twitter (?:this|last) (?:week|month)\W{0,4}:.*\d",
    r"My (?:top|weekly) .{0,20}artists.{0,40}:.*\(\d+\)",
    (
        r"(?:I'm|I am) (?:now )?listening to .{1,100} (?:on|@|with) #?(?:Spotify|Pandora|Last\.?fm"
        r"|iHeartRadio|TuneIn)"
    ),
    (
        r"I(?:'ve| have) (?:collected|harvested|completed|reached|gained) .{1,80}#(?:android"
        r"|iphone|ipad)games\b"
    ),
    r"Check out my broadcast from my PlayStation",
    r"I rated .{1,80} \d{1,2}/10\b.{0,20}#?IMDb",
    r"Wordle [\d.,]+ [X1-6]/6\b",
    r".{1,80} is out! ?.{0,60}(?:stories (?:today )?via|thanks to) @",
    (
        r"(?:Just )?posted a (?:new )?(?:photo|video)(?: (?:to|on) (?:Facebook|Instagram|Flickr"
        r"|Tumblr).{0,60}| @ .{1,80})?$"
    ),
    (
        r"I (?:posted|uploaded|added|published) (?:\d+|an?|new) (?:new )?(?:photos?|videos?) (?:on"
        r"|to) (?:Facebook|Instagram|Flickr)\b.{0,80}$"
    ),
    (
        r"(?:Me (?:ha gustado|gustó)|He (?:añadido|publicado)|Gostei de"
        r"|Adicionei) um?n? v[ií]deo (?:de|do|a|@).{0,3}@?YouTube\b"
    ),
    (
        r"(?:J'aime|J'ai aimé|J'ai ajouté) une vidéo @?YouTube\b|Ich (?:mag"
        r"|habe) ein @?YouTube-Video\b"
    ),
    r"(?:Mi è piaciuto|Ho aggiunto) un video di @?YouTube\b|He publicado \d+ fotos? en Facebook\b",
)  # fmt: skip

# only with a link, which an app never omits
_WITH_LINK = (
    (
        r"I just (?:unlocked|earned|ousted|became the mayor|checked in|reached level|completed"
        r"|voted|backed|signed|entered)\b"
    ),
    r"I'm at .{1,80}(?:\(|w/ |@ |, [A-Z]|$)",
    r"(?:Just )?posted a (?:new )?(?:photo|video)\b.{0,20}$",
    r"I (?:liked|added|favou?rited|subscribed to) an? @?YouTube (?:video|playlist|channel)\b",
    r"I (?:posted|uploaded) (?:\d+|an?|new) (?:new )?(?:photos?|videos?) (?:on|to)\b",
    (
        rf"(?:Today|Daily|Weekly|This week|In the (?:past|last)|Last"
        rf"|\d+ hours?)\b.{{0,40}}{_FOLLOWERS}"
    ),
    rf"{_FOLLOWERS}\b.{{0,80}}(?:via|automatically|unfollow)",
    rf"I (?:just )?(?:walked|ran|cycled|biked|slept) {_DISTANCE}",
    rf"(?:I(?:'ve| have)? )?just (?:finished|completed) .{{0,40}}{_DISTANCE}",
    r"The latest .{1,60}Daily\b|The .{1,60} Daily is out\b",
    r"#?Now ?Playing\b.{0,4}:? .{1,80} (?:by|-|–) ",
    r"(?:New )?badge (?:earned|unlocked)\W",
    r"I (?:scored|got|just scored) [\d,.]+ (?:points|%).{0,60}",
    r"I entered (?:a|the|to win) .{0,60}(?:giveaway|sweepstakes|contest|chance to win)",
    (
        r"(?:I'm|I am|Now) (?:broadcasting|streaming|live).{0,30}(?:Periscope|Twitch|Ustream|BIGO"
        r"|YouNow|TikTok|Mixer)\b"
    ),
)  # fmt: skip

_ALWAYS_PATTERN = re.compile("|".join(f"(?:{part})" for part in _ALWAYS), re.IGNORECASE)
_WITH_LINK_PATTERN = re.compile("|".join(f"(?:{part})" for part in _WITH_LINK), re.IGNORECASE)
_MAX_LENGTH = 400  # characters examined


def is_machine_made(text: str, raw: str) -> bool:
    """Return whether an app wrote a post; `raw` is the text before links were removed."""
    text = text[:_MAX_LENGTH]
    if _ALWAYS_PATTERN.match(text):
        return True
    return _WITH_LINK_PATTERN.match(text) is not None and _LINK.search(raw) is not None
