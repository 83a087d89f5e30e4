# ruff: noqa: E501 - a table of patterns, one a line
"""The screen's rules: phrases of high precision in English, on text that is in lower case with single spaces.

A rule names what is said in so many words. Single words decide nothing, but for a few explicit ones; there is no list
of slurs. Hatred is looked for as a sentence about a group, because a word alone stands in half of all literature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True)
class Rule:
    """One pattern of one class."""

    content: str
    name: str
    pattern: re.Pattern[str]


# Pieces. A name is one to four words none of which is an everyday word: "this is not speaking" names nobody.
_STOP = r"(?!(?:the|a|an|it|this|that|not|no|all|what|who|how|why|when|where|only|just|merely|strictly|generally|properly|roughly|broadly|simply|truly|really|quite|so|very|too|as|if|and|or|but|of|to|in|on|for|with|is|was|i|you|he|she|we|they|my|your|his|her|our|their|nothing|something|anything|everything|plain|worth|like|being|nobody|somebody|someone|everyone|more|most|less|least|one|here|there|now|then|always|never)\b)"
_NAME = rf"(?:{_STOP}(?:[a-z]\.|[a-z][a-z'.]+)(?: {_STOP}(?:[a-z]\.|[a-z][a-z'.]+)){{0,3}})"
_OFFICE = r"(?:president|vice president|prime minister|chancellor|senator|governor|congress(?:man|woman)|mayor|minister|party leader|chief executive(?: officer)?|ceo|managing director|police|tax office|irs|revenue service|bank|fraud department|social security(?: administration)?|customs|immigration)"
_GROUP = r"(?:jews|muslims|christians|hindus|sikhs|immigrants|refugees|migrants|gays|lesbians|homosexuals|transgender people|trans people|black people|white people|blacks|whites|asians|arabs|africans|mexicans|gypsies|roma|disabled people|foreigners|women)"
_WEEKDAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_DIGIT = r"(?:\d[\d.,]*|a hundred|a thousand|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_NUMBER = rf"(?:{_DIGIT}(?: (?:hundred|thousand|and|point|{_DIGIT})){{0,5}})"
_MEDICINE = r"(?:medication|medicine|medicines|insulin|antidepressants?|antibiotics?|blood thinners?|chemotherapy|inhaler|statins?|pills)"
_ILLNESS = r"(?:cancer|diabetes|covid(?: 19)?|hiv|aids|autism|alzheimer's|depression|epilepsy|asthma|arthritis|high blood pressure|heart disease)"

_TABLE: dict[str, dict[str, str]] = {
    "impersonation": {
        "this-is-speaking": rf"\b(?:this is|it is|it's) {_NAME},? (?:speaking|calling)\b(?! (?:of|about|to|as|with|in|from)\b)",
        "i-am-and-i-message": rf"\b(?:i am|i'm|my name is|this is) {_NAME},? and (?:i (?:approve|endorse|support|urge|recommend|authori[sz]e|personally|want you|need you|ask you|am asking|am calling|am inviting|have an important)|this is my|i'm (?:asking|calling|inviting))\b",
        "office-calling": rf"\b(?:this is|i am calling from|i'm calling from|we are calling from) (?:the|your) (?:[a-z']+ ){{0,3}}{_OFFICE}(?: (?:speaking|calling|department))?,? (?:speaking|calling|regarding|about your|with an urgent|and your|to inform you|to verify)\b",
        "speaking-to-you-as": rf"\b(?:i am|i'm) (?:speaking|talking|calling|reaching out) to you (?:today |tonight |now )?as (?:your |the )?(?:[a-z]+ ){{0,2}}{_OFFICE}\b",
        "message-from": rf"\bthis is (?:a|an) (?:personal|official|important|urgent|recorded|special) (?:voice )?message from {_NAME}",
        "real-voice-of": rf"\b(?:you are|you're) (?:hearing|listening to) the (?:real|actual|own|genuine|authentic) (?:voice|words) of {_NAME}",
        "really-me": rf"\bit(?: is|'s) (?:really |truly )me,? {_NAME},? (?:and this is not|not an? (?:ai|fake|clone|imitation)|in my own voice)",
        "emergency-call": r"\b(?:mum|mom|mummy|dad|daddy|grandma|grandpa|granny|nana|grandson|granddaughter)\b[^\n]{0,160}\b(?:accident|arrested|in jail|in prison|in trouble|kidnapped|hospital)\b[^\n]{0,160}\b(?:send|wire|transfer|need|bail)\b[^\n]{0,40}\b(?:money|cash|bail|gift cards?|bitcoin|\d{3,})\b",
        "phone-number-of-office": r"\b(?:your (?:social security number|bank account|account|card) (?:has been|was) (?:suspended|blocked|compromised|locked))\b",
    },
    "endorsement": {
        "i-endorse": r"\bi (?:personally |proudly |fully |wholeheartedly |highly |officially )?endorse (?!the (?:opinion|view|cheque|check|sentiment)|that|this view|his|her|it\b)",
        "i-recommend-buy": r"\bi (?:personally |highly |strongly |always |only )?(?:recommend|trust|use|love|swear by)\b[^.!?\n]{0,80}\b(?:buy|order|get yours|download|sign up|subscribe|visit|try it|discount|promo|\d+ ?% off|percent off|today only|app|[a-z]+ ?(?:\.|dot) ?com)\b",
        "sentence-then-order": r"\bi (?:personally |highly |strongly |always |only )?(?:recommend|trust|use|swear by) [^.!?\n]{2,80}[.!] ?(?:buy|order|get|download|subscribe|visit|use (?:my )?(?:promo )?code|try) (?:it|one|yours|now|today|this|them|at|my|[a-z]+ ?(?:\.|dot) ?com)\b",
        "promo-code": r"\buse (?:my |our |the )?(?:promo |discount |coupon |offer )?code [a-z0-9]{2,}",
        "sponsored": r"\b(?:this )?(?:episode|podcast|video|programme|program|broadcast|audiobook|segment) (?:is|was) (?:proudly )?(?:brought to you|sponsored) by\b",
        "ambassador": r"\bas (?:a|an|the|an official|the official|a proud|the face|a brand) ?(?:brand )?(?:spokesperson|spokesman|spokeswoman|ambassador|face) (?:for|of) (?!(?:france|england|spain|the (?:king|queen|court|emperor|republic))\b)[^.\n]{2,40},? i\b",
        "favourite-product": r"\b(?:my|i've been using|i have been using|i'm using) (?:favou?rite )?[^.!?\n]{2,50}\b(?:and so should you|and you should too|and you'll love it|get yours (?:now|today)|available (?:now|today) (?:at|in|from))\b",
        "order-now": r"\b(?:order|buy|get) (?:yours|it|one|now)(?: now| today)? (?:at|from|on) (?:www|[a-z0-9]+ ?(?:\.|dot) ?com)\b",
    },
    "political": {
        "vote-for-date": rf"\bvote (?:for )?{_NAME}(?: [a-z]+){{0,4}},? (?:on|this) (?:{_WEEKDAY}|{_MONTH}|november|election day|the \d+(?:st|nd|rd|th)?|\d)",
        "vote-for-office": rf"\b(?:vote(?: for)?|elect|re ?elect) {_NAME},? (?:for|to|as|your next) (?:the )?(?:next )?(?:president|senate|senator|congress|parliament|governor|mayor|council|prime minister|house of representatives|parliament|sheriff|chancellor)\b",
        "vote-party": r"\b(?:vote|voting) (?:for (?:the )?)?(?:labour|conservatives?|tory|tories|republicans?|democrats?|democratic|lib ?dems?|liberal democrats?|greens?|green party|reform|snp|cdu|csu|spd|afd|fdp|trump|biden|harris|remain|leave)\b(?: (?:on|this|today|in the|party|and)\b|[.!])",
        "vote-measure": r"\bvote (?:yes|no) (?:on|to|for|against) (?:prop(?:osition)?|measure|amendment|question|the referendum|issue|brexit|independence)\b",
        "please-vote": rf"(?:\b(?:please|go|urge you to|ask you to|asking you to|remember to|get out and|want you to|must|should all) vote (?:for|against|labour|republican|democrat)\b|\bon {_WEEKDAY},? vote\b|\bon election day,? vote\b)",
        "approve-message": r"\band i approve (?:of )?this message\b",
        "paid-for-by": r"\bpaid for by (?:the )?[^.\n]{2,60}\b(?:campaign|committee|for (?:president|senate|congress|governor|mayor))\b",
        "campaign-donate": r"\b(?:donate|contribute|chip in)\b[^.!?\n]{0,40}\b(?:my|our|the|his|her) campaign\b",
        "re-elect": rf"\b(?:re ?elect) {_NAME}[.!,]",
        "do-not-vote": r"\b(?:don't|do not|never) (?:bother to )?(?:vote|go to the polls) (?:for|this|on|in)\b",
        "polls-moved": rf"\b(?:the election|voting|polling)(?: day)? (?:has been|was|is) (?:moved|postponed|cancelled|delayed)(?: (?:to|until) (?:{_WEEKDAY}|{_MONTH}))?",
    },
    "medical": {
        "dose": rf"\b(?:take|swallow|inject|give (?:him|her|them|your child)|drink|use) {_NUMBER} ?(?:mg|mcg|milligrams?|micrograms?|ml|millilit(?:er|re)s?|tablets?|pills?|capsules?|units|drops)\b(?:[^.!?\n]{{0,60}}\b(?:every|daily|a day|per day|times|twice|once|hourly|hours|before|after|of)\b|[.!])",
        "change-dose": rf"\b(?:stop|quit|skip|double|increase|reduce|halve) (?:taking )?your (?:daily )?(?:dose|dosage|{_MEDICINE})\b",
        "no-doctor": rf"\byou (?:do not|don't|won't) need (?:a doctor|to see a doctor|(?:your |the |any )?(?:vaccines?|vaccinations?|{_MEDICINE}))\b",
        "cure": rf"\b(?:cures?|heals?|reverses?|gets rid of) (?:your |all |any )?{_ILLNESS}\b",
        "instead-of": rf"\binstead of (?:your |any )?(?:chemotherapy|insulin|{_MEDICINE}),? (?:take|drink|use|try)\b",
    },
    "financial": {
        "guaranteed": r"\bguaranteed? (?:you )?(?:(?:a|an|monthly|weekly|daily|annual|high|huge|\d+ ?%|\d+ percent|[a-z]+ percent) ){0,4}(?:returns?|profits?|income|gains?)\b",
        "double": r"\b(?:double|triple|multiply|quadruple) your (?:money|investment|savings|bitcoin|crypto|capital)\b",
        "risk-free": r"\b(?:risk free|no risk|zero risk|without any risk) (?:investment|returns?|profits?|trading|income)\b",
        "percent": rf"\b{_NUMBER} ?(?:%|percent|per cent) (?:returns?|profits?|interest|gains?|yield)? ?(?:per|a|every|each) (?:day|week|month)\b",
        "buy-shares": r"\b(?:buy|sell your|invest (?:all )?(?:your )?(?:money|savings)?(?: in)?) (?:shares|stocks?|bitcoin|ethereum|crypto|this coin|this token)\b[^.!?\n]{0,60}\b(?:now|today|before|immediately|right away|at once)\b",
        "invest-now": r"\binvest (?:now|today|your savings|your pension|everything)\b",
        "send-crypto": r"\bsend (?:me |us )?(?:your |the |some )?(?:\d[\d.]* )?(?:bitcoins?|btc|ethereum|eth|crypto|gift cards?)\b",
    },
    "legal": {
        "as-your-lawyer": r"\bas your (?:lawyer|attorney|solicitor|barrister|legal advis[eo]r),? i\b",
        "my-legal-advice": r"\bmy legal advice (?:is|to you)\b",
        "legally-entitled": r"\byou (?:are|'re) legally (?:entitled|required|obliged|obligated|allowed|free) to\b|\byou're legally\b",
        "do-not-sign-plead": r"\b(?:you should|i advise you to|you must) (?:plead (?:not )?guilty|sue|file (?:a|for) (?:lawsuit|suit|bankruptcy|divorce|claim)|contest the will|break the (?:lease|contract))\b",
        "case": r"\byou have (?:a|an) (?:very )?(?:strong|good|solid|excellent) (?:legal )?case against (?:your|the|this) (?:employer|landlord|company|bank|insurer|doctor|hospital)\b",
        "not-need-pay": r"\byou (?:do not|don't) (?:legally )?(?:have|need) to pay (?:that|the|this|your|any) (?:fine|tax(?:es)?|debt|ticket)\b",
    },
    "sexual": {
        "explicit-word": r"\b(?:blow ?jobs?|hand ?jobs?|cum ?shots?|gang ?bang(?:ed|s)?|deep ?throat(?:ing)?|creampie|dildos?|porn(?:o|ography|hub)?|hentai|milf|masturbat(?:e|es|ed|ing|ion)|ejaculat(?:e|es|ing) (?:on|in)|cunnilingus|fellatio|clitoris|sexting)\b",
        "explicit-phrase": r"\b(?:fuck me|fuck you (?:hard|raw|all night)|suck my (?:cock|dick)|my (?:hard|wet|throbbing) (?:cock|dick|pussy)|(?:wet|tight) pussy|have sex with me|send (?:me )?nudes|get (?:you )?naked for me|ride my (?:cock|dick))\b",
    },
    "hate": {
        "group-are": rf"\b(?:all (?:the )?)?{_GROUP} (?:are|is) (?:all )?(?:vermin|subhumans?|sub human|parasites|cockroaches|filth|animals|a disease|a plague|inferior|not (?:really )?human|rats)\b",
        "do-to-group": rf"\b(?:exterminate|gas|lynch|deport|wipe out|eradicate|get rid of|burn|hang|kill) (?:all )?(?:the |those |these )?(?:dirty |filthy )?{_GROUP}\b",
        "group-should": rf"\b{_GROUP} (?:should|must|need to|deserve to) (?:all )?(?:be (?:exterminated|gassed|lynched|shot|killed|wiped out|deported|hanged|burn(?:ed|t))|die)\b",
        "slogan": r"\b(?:heil hitler|sieg heil|white power|race war now|will not replace us|gas the)\b",
    },
    "violence": {
        "threat": r"\b(?:i (?:will|shall|am going to|am gonna)|i'll|i'm going to|i'm gonna|we will|we'll|we are going to|we're going to) (?:kill|murder|shoot|stab|behead|bomb|burn|slaughter|hunt down|torture) (?:you|them|him|her|your (?:family|children|wife|husband|kids|daughter|son)|every one of (?:you|them)|all of (?:you|them)|everyone)\b",
        "know-where": r"\b(?:i|we) know where (?:you|your (?:family|children|kids|mother)) (?:live|lives|sleep|go to school|goes to school)\b",
        "incite": r"\b(?:kill|shoot|stab|attack|bomb|burn down|storm|blow up|shoot up|set fire to) (?:the|every|all(?: the)?|that|this|your) (?:(?:local|nearest|whole|city|next) )?(?:school|schools|church|mosque|synagogue|police station|police(?:men)?|cops?|judges?|journalists?|politicians?|parliament|capitol|polling stations?|embassy|teachers|doctors|town hall)\b",
        "how-to-bomb": r"\b(?:how to|here is how you|here's how you|steps to) (?:build|make|assemble|construct) (?:a|an|your own) (?:pipe |nail |car |dirty |fertili[sz]er )?(?:bomb|explosive(?: device)?|molotov(?: cocktail)?|ghost gun)\b",
        "deserve": r"\b(?:they|you|these people|those people) (?:all )?deserve to (?:die|be (?:shot|killed|hanged|beheaded))\b",
        "glory": r"\b(?:the (?:shooter|bomber|attacker|attackers|gunman) (?:is|was|were|are) (?:a )?(?:heroe?s?|martyrs?)|praise the (?:shooter|bomber|attackers?|gunman|martyrs? of the attack))\b",
    },
    "religious": {
        "accept": r"\baccept (?:jesus|jesus christ|christ|allah|islam|the prophet|krishna) (?:as|into|today|now)\b",
        "repent": r"\b(?:repent,? (?:and be saved|now|today|sinners?|for the (?:kingdom|end))|repent of your sins)\b",
        "convert": r"\bconvert to (?:islam|christianity|judaism|hinduism|buddhism|catholicism|scientology)\b",
        "only-way": r"\b(?:jesus|christ|allah|islam|god) is the only way (?:to|for)\b",
        "join-church": r"\b(?:join|come to) (?:our|my|the) (?:church|mosque|temple|congregation|prayer meeting) (?:this|every|on|and be)\b",
    },
}

#: All rules, compiled.
RULES: tuple[Rule, ...] = tuple(
    Rule(content, name, re.compile(pattern)) for content, rules in _TABLE.items() for name, pattern in rules.items()
)
