"""Orders to the assistant in text that has no right to give any.

Used for what comes from tools and documents only: a person may say "ignore what I said before". Found are
attempts to lift earlier instructions, to give the assistant another role, to pass for the system's part of a
conversation, to get at its prompt or its user's data, to keep things from the user, to plant standing
orders in its memory, and to shape its answer. Families follow OWASP's LLM01 (prompt injection, 2025) and
Greshake et al., "Not what you've signed up for" (2023). An order that is worded as an ordinary question
or task cannot be told by its words, and is not found; quarantine is one barrier of several.
"""

from __future__ import annotations

import re

from holdfast.core.policy.detectors.guards import one_of
from holdfast.model.policy import Finding, Sensitive

_FEW = r"(?:[^\w\n]{1,3}+[\w'-]{1,20}+){0,5}?[^\w\n]{1,3}"
_INSTRUCTIONS = one_of(
    r"instructions?, prompts?, directions?, directives?, guidelines?, rules, commands, programming, guardrails, "
    r"restrictions,"
    r"context, system message, training, safety (?:rules|guidelines|measures|policies)"
)
_EARLIER = one_of(
    "previous, prior, above, earlier, preceding, former, all, any, your, existing, original, system, these, those, the"
)
_SECRETS = one_of(
    r"(?:system |initial |hidden |original |developer )?(?:prompt|instructions), api keys?, passwords?, "
    r"credentials, secrets?,"
    r"access tokens?, environment variables, conversation(?: history)?, chat history, "
    r"user'?s? (?:data|e-?mails?|details),"
    r"personal (?:data|information), memor(?:y|ies), private (?:data|key|information), contacts, e-?mails"
)
_REPLY = r"your (?:\w{1,12} )?(?:answer|response|reply|output|completion|explanation)\b(?!s? to\b)"
_SHAPING = one_of(
    "modify, change, alter, adjust, augment, enhance, extend, enrich, integrate, include, incorporate, insert, "
    "add, append,"
    "embed, weave, blend, merge, mix, slip, end, begin, start, finish, write, render, provide, give, encode, encrypt,"
    "express, translate, reverse, replace, rearrange, reorder, shuffle, scramble, shift, group, use, misspell, "
    "substitute,"
    "swap, mention, advertise, promote, recommend, format, convert, present, deliver, phrase, compose, craft, limit,"
    "restrict, conclude, preface, anagram, omit, remove, tease, put, place, capitali[sz]e, split, spell"
)
_START = r"(?:^|[.!?:;\n>*\"'(-]\s{0,3}|\b(?:please|must|should|always|then|now|can you|could you|you will)\s{1,2})"
_ASSISTANT = one_of("ai, llm, language model, ai assistant, ai model, ai agent, chatbot, assistant")

_LIFTS, _ROLE, _POSES, _ASKS = (
    "lifts earlier instructions",
    "gives the assistant another role",
    "passes for the system",
    "asks for secrets",
)
_SENDS, _HIDES, _PLANTS, _SHAPES = (
    "sends data away",
    "keeps something from the user",
    "plants a standing order",
    "shapes the answer",
)
_SOURCES: tuple[tuple[str, float, str], ...] = (
    (
        _LIFTS,
        0.95,
        r"\b(?:ignore|disregard|forget|override|overrule|bypass|skip|abandon|discard|neglect|do not follow"
        r"|don'?t follow"
        rf"|stop following){_FEW}{_EARLIER}{_FEW}?{_INSTRUCTIONS}\b",
    ),
    (
        _LIFTS,
        0.9,
        r"\b(?:ignore|disregard|forget)\s{1,2}(?:everything|anything|all|what)\s{1,2}(?:\w{1,10}\s{1,2}){0,3}?"
        r"(?:above|before|previously|prior|you were told|said so far)\b",
    ),
    (
        _LIFTS,
        0.9,
        r"\b(?:ignora|olvida|omite|ignore[zr]?|oublie[zr]?|vergiss|ignoriere|vergesst|esqueça|dimentica|negeer|vergeet)"
        rf"{_FEW}(?:instrucciones|consignes|anweisungen|instruções|istruzioni|instructies|órdenes|indicaciones"
        rf"|regeln|règles)",
    ),
    (
        _LIFTS,
        0.9,
        r"(?:忽略|无视|忘记|無視|忘れ)[^\n。]{0,20}(?:指令|指示|提示|规则|設定)|(?:以前|これまで|前)の(?:指示|命令)を(?:無視|忘れ)"
        r"|(?:игнорируй|забудь|проигнорируй)(?:те)?[^\n.]{0,40}(?:инструкци|указани|правил)",
    ),
    (
        _ROLE,
        0.85,
        rf"\byou are now (?:an? |the |my )?(?:[\w-]{{1,16}} ){{0,3}}?(?:{_ASSISTANT}|dan|hacker|unrestricted"
        rf"|jailbroken)\b",
    ),
    (
        _ROLE,
        0.85,
        r"\b(?:from now on,? you (?:are|will|must)|you must now act|do anything now"
        r"|act as (?:if you (?:have|had|are) no|an? (?:unrestricted|unfiltered|jailbroken|evil))"
        r"|pretend (?:that )?you (?:have no|are not bound|are (?:an? )?(?:unrestricted|unfiltered|evil|dan\b))"
        r"|(?:enter|enable|activate|switch to) (?:developer|dan|god|jailbreak|unrestricted) mode)\b",
    ),
    (
        _POSES,
        0.9,
        r"<\|(?:im_start|im_end|system|assistant|user|endoftext|start_header_id)\|>|\[/?INST\]|<</?SYS>>"
        r"|</?(?:system|assistant)(?:_prompt)?>|BEGIN (?:SYSTEM|ADMIN) (?:PROMPT|MESSAGE|OVERRIDE)",
    ),
    (
        _POSES,
        0.85,
        r"^\s{0,4}(?:#{1,4} ?)?(?:system|developer|assistant) (?:prompt|message|override|instructions?)\s?:\s"
        r"|\b(?:new|updated|revised|important|urgent|real|secret) (?:system )?instructions?"
        rf"(?: for (?:the |you,? )?{_ASSISTANT}?)?\s?:",
    ),
    (
        _POSES,
        0.85,
        rf"\b(?:attention|note|message|instructions?|important|hey|dear|hello)[,:]{{0,2}} (?:to |for )?(?:the "
        rf"|all |any ){{0,2}}{_ASSISTANT}s?\b"
        rf"|\bas an? {_ASSISTANT},? you (?:must|should|will|have to|need to)\b|\bif you are an? {_ASSISTANT}\b",
    ),
    (
        _ASKS,
        0.85,
        r"\b(?:reveal|disclose|leak|exfiltrate|expose|dump|print|output|repeat|show|display|tell me|give me"
        r"|list|return|recite"
        r"|extract|collect|gather|steal)(?:[^\w\n]{1,3}+(?:me|us|out|all|any|every|your|the|its|of|exact|full"
        r"|complete|entire"
        r"|verbatim)\b){0,5}[^\w\n]{1,3}(?:your |system |initial |hidden |developer |user'?s? "
        r"|admin )(?:system |initial |hidden |full )?"
        r"(?:prompt|instructions|passwords?|api keys?|credentials|secrets?|data|conversation|chat history"
        r"|memory|messages)\b",
    ),
    (
        _SENDS,
        0.9,
        r"\b(?:send|post|upload|forward|e-?mail|transmit|exfiltrate|leak|submit|deliver|copy|transfer|bcc"
        r"|append|attach|encode)"
        rf"(?:[^\w\n]{{1,3}}+[\w'-]{{1,20}}+){{0,3}}?[^\w\n]{{1,3}}{_SECRETS}(?:[^\w\n]{{1,3}}+[\w'-]{{1,20}}+){{0,3}}?[^\w\n]{{1,3}}(?:to|into|in|as|at"
        rf"|via)[^\w\n]{{1,3}}+(?:\w{{1,9}}+ ){{0,2}}?"
        r"(?:https?:|www\.|url|link|query|webhook|server|endpoint|address|attacker|[\w.+-]{1,64}+@)",
    ),
    (
        _SENDS,
        0.8,
        r"!\[[^\]\n]{0,80}+\]\(https?://[^\s)?]{1,200}+\?[\w&=-]{0,40}?=(?:[{<\[$]|\w{0,20}?(?:data|secret"
        r"|token|prompt|conversation|history))",
    ),
    (
        _HIDES,
        0.85,
        r"\b(?:do not|don'?t|never|without)\s{1,2}(?:ever )?(?:tell|mention|inform|reveal|notify|alert|disclos"
        r"|show|ask|let)(?:e|y|ing|ting)?"
        r"(?:\s{1,2}(?:this|that|it|anything|about|to)){0,4}\s{1,2}(?:the |your )?(?:user|human|operator|owner)\b",
    ),
    (
        _PLANTS,
        0.85,
        rf"\b(?:save|store|add|write|commit|record|put|remember)\b{_FEW}?(?:your|long[- ]term|persistent"
        rf"|the assistant'?s)\s{{1,2}}"
        r"(?:long[- ]term |persistent )?memor(?:y|ies)\b",
    ),
    (
        _PLANTS,
        0.8,
        r"\bremember (?:that )?(?:you (?:must|should|will) )?(?:from now on|in all future|for all future)"
        r"|\b(?:in|for) (?:all|every) (?:future|subsequent) (?:conversation|session|response|answer|interaction"
        r"|chat)s?\b",
    ),
    (_SHAPES, 0.75, rf"{_START}{_SHAPING}\b(?:[^\w\n]{{1,3}}+[\w'@#$%&-]{{1,30}}+){{0,16}}?[^\w\n]{{1,3}}{_REPLY}"),
    (_SHAPES, 0.75, rf"\b(?:in|into|of|with|within|throughout|for|to) {_REPLY},?\s{{1,3}}{_SHAPING}\b"),
    (
        _SHAPES,
        0.7,
        r"^[^\w\n]{0,6}(?:please )?(?:answer|reply|respond)\s(?:only |solely |using |in "
        r"|with )(?:\w{1,20}+\W{0,2}+){1,4}$",
    ),
)
_PATTERNS = tuple((label, score, re.compile(source, re.IGNORECASE)) for label, score, source in _SOURCES)

_PIECE = r"(?:following|subsequent|below|next) (?:code|script|python|shell)\b"
_YOURS = (
    r"your (?:\w{1,16} ){0,2}?(?:code|codebase|solution|implementation|answer|response|reply|algorithm"
    r"|explanation)\b"
)
_WORDS = r"(?:[^\w\n]{1,3}+[\w'-]{1,20}+){0,12}?[^\w\n]{1,3}"
_CODE_ORDER = re.compile(rf"\b(?:{_PIECE}{_WORDS}{_YOURS}|{_YOURS}{_WORDS}{_PIECE})", re.IGNORECASE)
_DANGEROUS = re.compile(
    r"rm -rf|os\.system|subprocess|exec\(|eval\(|socket\.socket|\| ?(?:sudo )?(?:ba)?sh\b|requests\.post"
    r"|urlretrieve|os\.environ"
    r"|chmod \+x|smtplib|paramiko|ftplib|crypto(?:graphy)?\.|keylog|pynput|psutil|/etc/|cookie",
    re.IGNORECASE,
)
_LOOK_AHEAD = 1_500


def find(text: str) -> list[Finding]:
    """Orders to the assistant in folded text."""
    found = [
        Finding(Sensitive.INJECTION, label, *match.span(), score)
        for label, score, pattern in _PATTERNS
        for match in pattern.finditer(text)
    ]
    found += [
        Finding(Sensitive.INJECTION, "has harmful code written", *match.span(), 0.75)
        for match in _CODE_ORDER.finditer(text)
        if _DANGEROUS.search(text, match.end(), match.end() + _LOOK_AHEAD)
    ]
    return found
