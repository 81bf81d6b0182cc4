"""Orders to the assistant in text that has no right to give any.

Used for what comes from tools and documents only: a person may say "ignore what I said before". Found are
attempts to lift earlier instructions, to give the assistant another role, to pass for the system's part of a
conversation, to get at its prompt or its user's data, to keep things from the user, to plant standing
orders in its memory, and to shape its answer. Families follow OWASP's LLM01 (prompt injection, 2025) and
Greshake et al., "Not what you've signed up for" (2023). An order that is worded as an ordinary question
or task cannot be told from text by its words, and is not found; quarantine is one barrier of several.
"""

from __future__ import annotations

import re

from holdfast.model.policy import Finding, Sensitive

_FEW = r"(?:\W{1,3}+[\w'-]{1,20}+){0,5}?\W{1,3}"
_INSTRUCTIONS = (
    r"(?:instructions?|prompts?|directions?|directives?|guidelines?|rules|commands|programming|guardrails"
    r"|restrictions|context"
    r"|system message|training|safety (?:rules|guidelines|measures|policies))"
)
_SECRETS = (
    r"(?:(?:system |initial |hidden |original |developer )?(?:prompt|instructions)|api keys?|passwords?"
    r"|credentials|secrets?"
    r"|access tokens?|environment variables|conversation(?: history)?|chat history|user'?s? (?:data|e-?mails?"
    r"|details|information)"
    r"|personal (?:data|information)|memor(?:y|ies)|private (?:data|key|information)|contacts|e-?mails)"
)
_REPLY = r"your (?:\w{1,12} )?(?:answer|response|reply|replies|responses|answers|output|completion|elucidation|explanation|summary)"
_SHAPE = (
    r"(?:modify|change|alter|adjust|augment|enhance|extend|enrich|integrate|include|incorporate|insert|add|append"
    r"|embed|weave|blend|merge"
    r"|mix|slip|end|begin|start|finish|write|render|provide|give|encode|encrypt|express|translate|reverse|replace"
    r"|rearrange|reorder"
    r"|shuffle|scramble|shift|group|use|misspell|substitute|swap|mention|advertise|promote|recommend|make|format"
    r"|convert|present"
    r"|deliver|phrase|compose|craft|limit|restrict|conclude|preface|anagram|omit|remove|tease|put|place"
    r"|capitali[sz]e|split|spell)"
)
_START = (
    r"(?:^|[.!?:;\n>*#\"'(-]\s{0,3}|\b(?:please|must|should|always|to|and|then|now|can you|could you"
    r"|you will)\s{1,2})"
)
_DANGER = (
    r"rm -rf|os\.system|subprocess|exec\(|eval\(|socket\.socket|\| ?(?:sudo )?(?:ba)?sh\b|requests\.post"
    r"|urlretrieve|os\.environ"
    r"|chmod \+x|smtplib|paramiko|ftplib|crypto(?:graphy)?\.|keylog|pynput|psutil"
)

_SHAPES: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (label, score, re.compile(shape, re.IGNORECASE))
    for label, score, shape in (
        (
            "lifts earlier instructions",
            0.95,
            r"\b(?:ignore|disregard|forget|override|overrule|bypass|skip|abandon|discard|neglect|do not follow"
            r"|don'?t follow|stop following)"
            rf"{_FEW}(?:previous|prior|above|earlier|preceding|former|all|any|your|existing|original|system|these"
            rf"|those|the){_FEW}?{_INSTRUCTIONS}\b",
        ),
        (
            "lifts earlier instructions",
            0.9,
            r"\b(?:ignore|disregard|forget)\s{1,2}(?:everything|anything|all"
            r"|what)\s{1,2}(?:\w{1,10}\s{1,2}){0,3}?(?:above|before|previously|prior|you were told|said so far)\b",
        ),
        (
            "lifts earlier instructions",
            0.9,
            r"\b(?:ignora|olvida|omite|ignore[zr]?|oublie[zr]?|vergiss|ignoriere|vergesst|esqueça|dimentica|negeer"
            r"|vergeet)"
            r"(?:\W{1,3}+[\w'-]{1,20}+){0,5}?\W{1,3}"
            r"(?:instrucciones|consignes|anweisungen|instruções|istruzioni|instructies|órdenes|indicaciones|regeln"
            r"|règles)",
        ),
        (
            "lifts earlier instructions",
            0.9,
            r"(?:忽略|无视|忘记|無視|忘れ)[^\n。]{0,20}(?:指令|指示|提示|规则|設定)|(?:игнорируй|забудь"
            r"|проигнорируй)(?:те)?[^\n.]{0,40}(?:инструкци|указани|правил)"
            r"|(?:以前|これまで|前)の(?:指示|命令)を(?:無視|忘れ)",
        ),
        (
            "gives the assistant another role",
            0.85,
            r"\b(?:you are now|from now on,? you(?: are| will| must)|you must now act|act as (?:if you (?:have|had"
            r"|are) no|an? (?:unrestricted|unfiltered|jailbroken|evil))"
            r"|pretend (?:that )?you (?:have no|are not bound|are (?:an? )?(?:unrestricted|unfiltered|evil|dan\b))"
            r"|(?:enter|enable|activate|switch to) (?:developer|dan|god|jailbreak|debug|admin|sudo"
            r"|unrestricted) mode|do anything now)\b",
        ),
        (
            "passes for the system",
            0.9,
            r"<\|(?:im_start|im_end|system|assistant|user|endoftext|start_header_id)\|>|\[/?INST\]|<</?SYS>>"
            r"|</?(?:system|assistant)(?:_prompt)?>"
            r"|^\s{0,4}(?:#{1,4} ?)?(?:system|developer|assistant)(?: (?:prompt|message|override"
            r"|instructions?))?\s?:\s"
            r"|\b(?:new|updated|revised|important|urgent|real|secret) (?:system )?instructions?(?: for (?:the "
            r"|you,? )?(?:ai|assistant|model|llm|agent|chatbot))?\s?:"
            r"|\b(?:attention|note|message|instructions?|important|hey|dear|hello),?:? (?:to |for )?(?:the |all "
            r"|any )?"
            r"(?:ai|llm|language model|ai assistant|ai model|ai agent|chatbot)s?\b|BEGIN (?:SYSTEM"
            r"|ADMIN) (?:PROMPT|MESSAGE|OVERRIDE)",
        ),
        (
            "asks for secrets",
            0.85,
            r"\b(?:reveal|disclose|leak|exfiltrate|expose|dump|print|output|repeat|show|display|tell me|give me"
            r"|list|return|recite|extract|collect|gather|steal)"
            r"(?:\W{1,3}+(?:me|us|out|all|any|every|your|the|its|of|exact|full|complete|entire"
            r"|verbatim)){0,5}\W{1,3}"
            r"(?:your |system |initial |hidden |developer |user'?s? |admin )(?:system |initial |hidden |original "
            r"|full )?"
            r"(?:prompt|instructions|password|passwords|api keys?|credentials|secrets?|data|conversation"
            r"|chat history|memory|messages)\b",
        ),
        (
            "sends data away",
            0.9,
            r"\b(?:send|post|upload|forward|e-?mail|transmit|exfiltrate|leak|submit|deliver|copy|transfer|bcc"
            r"|append|attach|encode)"
            rf"{_FEW}?(?:{_SECRETS}){_FEW}?(?:to|into|in|as|at|via)\W{{1,3}}"
            r"(?:the |this |a |an |following |my |our ){0,3}(?:https?:|www\.|url|link|query|webhook|server"
            r"|endpoint|address|attacker|[\w.+-]{1,64}+@)",
        ),
        (
            "sends data away",
            0.8,
            r"!\[[^\]\n]{0,80}\]\(https?://[^\s)]{1,200}?[?&][\w-]{1,30}=(?:[{<\[$]|\w{0,20}(?:data|secret|token"
            r"|prompt|conversation|history))",
        ),
        (
            "keeps something from the user",
            0.85,
            r"\b(?:do not|don'?t|never|without)\s{1,2}(?:ever )?(?:tell(?:ing)?|mention(?:ing)?|inform(?:ing)?"
            r"|reveal(?:ing)?|notify(?:ing)?|alert(?:ing)?"
            r"|disclos(?:e|ing)|show(?:ing)?|ask(?:ing)?|let(?:ting)?)(?:\s{1,2}(?:this|that|it|anything|about"
            r"|to)){0,4}\s{1,2}(?:the |your )?(?:user|human|operator|owner)\b",
        ),
        (
            "plants a standing order",
            0.85,
            r"\b(?:(?:save|store|add|write|commit|record|put"
            r"|remember)\b(?:\W{1,3}+[\w'-]{1,20}+){0,6}?\W{1,3}(?:your|long[- ]term|persistent"
            r"|the assistant'?s)\s{1,2}"
            r"(?:long[- ]term |persistent )?memor(?:y|ies)"
            r"|remember (?:that )?(?:you (?:must|should|will) )?(?:from now on|to always|always|in all future"
            r"|for all future)"
            r"|(?:in|for) (?:all|every) (?:future|subsequent) (?:conversation|session|response|answer|interaction"
            r"|chat|repl(?:y|ie))s?)",
        ),
        (
            "has a tool called",
            0.75,
            r"\b(?:call|invoke|use|execute|trigger|run)\s{1,2}(?:the |your )(?:[\w-]{1,24} ){0,2}(?:tool|function"
            r"|plugin|shell|terminal|code interpreter|browser)\s{1,2}"
            r"(?:to|with|and)\b|\bas an? (?:ai|language model|llm|ai assistant),? you (?:must|should|will|have to"
            r"|need to)\b"
            r"|\bif you are an? (?:ai|llm|language model|assistant|bot|agent)\b",
        ),
        ("shapes the answer", 0.75, rf"{_START}{_SHAPE}\b(?:\W{{1,3}}+[\w'@#$%&-]{{1,30}}+){{0,16}}?\W{{1,3}}{_REPLY}\b"),
        ("shapes the answer", 0.75, rf"\b(?:in|into|of|with|within|at the end of|throughout|for"
            rf"|to) {_REPLY},?\s{{1,3}}{_SHAPE}\b"),
        ("shapes the answer", 0.7, r"^\W{0,6}(?:please )?(?:answer|reply|respond)\s{1,2}(?:only |solely |using "
            r"|in |with )(?:\w{1,20}\W{0,2}){1,4}$"),
    )
)  # fmt: skip
_CODE_ORDER = re.compile(
    r"\b(?:following|subsequent|below|next) (?:code|script|python|shell) ?(?:code )?(?:block|snippet|excerpt"
    r"|section|segment|fragment|command)?"
    r"(?:\W{1,3}+[\w'-]{1,20}+){0,10}?\W{1,3}your (?:\w{1,16} ){0,2}?(?:code|codebase|solution|implementation"
    r"|answer|response|reply|algorithm|elucidation|explanation)\b"
    r"|\byour (?:\w{1,16} ){0,2}?(?:code|codebase|solution|implementation|answer|response|reply|algorithm"
    r"|elucidation|explanation)\b"
    r"(?:\W{1,3}+[\w'-]{1,20}+){0,12}?\W{1,3}(?:following|subsequent|below|next) (?:code|script|python|shell)\b",
    re.IGNORECASE,
)
_DANGEROUS = re.compile(_DANGER, re.IGNORECASE)
_LOOK_AHEAD = 1_500


def find(text: str) -> list[Finding]:
    """Orders to the assistant in folded text."""
    found = [
        Finding(Sensitive.INJECTION, label, *match.span(), score)
        for label, score, shape in _SHAPES
        for match in shape.finditer(text)
        if match.end() > match.start()
    ]
    for match in _CODE_ORDER.finditer(text):
        if _DANGEROUS.search(text, match.end(), match.end() + _LOOK_AHEAD):
            found.append(Finding(Sensitive.INJECTION, "has harmful code written", *match.span(), 0.75))
    return found
