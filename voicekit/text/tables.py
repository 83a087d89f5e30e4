"""Tables of English abbreviations, names and units. Data only."""

from __future__ import annotations

from voicekit.text.roman import from_roman

#: Regular expression of one letter: not a digit, not a raised or lowered number, not a fraction.
LETTER = r"[^\W\d_\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2080-\u2089\u2150-\u215f]"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MONTHS = {
    "January": "January", "February": "February", "March": "March", "April": "April", "May": "May",
    "June": "June", "July": "July", "August": "August", "September": "September", "October": "October",
    "November": "November", "December": "December",
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July",
    "Aug": "August", "Sept": "September", "Sep": "September", "Oct": "October", "Nov": "November",
    "Dec": "December",
}  # fmt: skip
MONTH_NAMES = tuple(dict.fromkeys(MONTHS.values()))
DAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday",
    "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip

#: Titles before a name: never the end of a sentence. Read also without the dot where marked in TITLES_BARE.
TITLES = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Mx": "Mix", "Dr": "Doctor", "Prof": "Professor",
    "Rev": "Reverend",
    "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Maj": "Major", "Capt": "Captain",
    "Lieut": "Lieutenant", "Lt": "Lieutenant", "Sgt": "Sergeant", "Cpl": "Corporal", "Pvt": "Private",
    "Cmdr": "Commander", "Adm": "Admiral", "Gov": "Governor", "Sen": "Senator", "Rep": "Representative",
    "Pres": "President", "Supt": "Superintendent", "Insp": "Inspector", "Fr": "Father", "Bp": "Bishop",
    "Messrs": "Messers", "Mme": "Madame", "Mlle": "Mademoiselle", "Mons": "Monsieur", "Msgr": "Monsignor",
    "St": "Saint", "Ste": "Saint", "SS": "Saints", "Mt": "Mount", "Ft": "Fort",
}  # fmt: skip
TITLES_BARE = _words(
    """
    Mr Mrs Ms Mx Dr Prof Messrs Mme Mlle St Mt Lt Capt Sgt
    """
)

#: Abbreviations after a name or anywhere, with a dot; they may end a sentence.
ABBREVIATIONS = {
    "Jr": "Junior", "Sr": "Senior", "Esq": "Esquire", "Bros": "Brothers", "Co": "Company",
    "Inc": "Incorporated",
    "Ltd": "Limited", "Corp": "Corporation", "Assn": "Association", "Dept": "Department",
    "dept": "department",
    "Univ": "University", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Sq": "Square", "Pl": "Place",
    "Hwy": "Highway", "Pk": "Park", "Mts": "Mountains", "Is": "Islands",
    "etc": "et cetera", "vs": "versus", "viz": "namely", "cf": "compare", "approx": "approximately",
    "est": "established", "al": "al", "ibid": "ibidem", "Ibid": "Ibidem", "op": "op", "cit": "cit",
    "ca": "circa",
    "incl": "including", "esp": "especially", "misc": "miscellaneous", "govt": "government",
    "Govt": "Government",
    "max": "maximum", "avg": "average", "tel": "telephone", "Tel": "Telephone", "temp": "temperature",
    "ed": "editor", "eds": "editors", "trans": "translator", "introd": "introduction", "illus": "illustrated",
    "seq": "sequel", "anon": "anonymous", "Anon": "Anonymous", "Sec": "Section", "sec": "section",
    "par": "paragraph",
    "Xmas": "Christmas", "resp": "respectively", "lat": "latitude", "long": "longitude", "pop": "population",
    "hist": "history",
}  # fmt: skip
#: Those of ABBREVIATIONS that are ordinary words without a dot or at a sentence's end: only read as
#: abbreviations where the text goes on in small letters, a digit or a comma.
AMBIGUOUS = _words(
    """
    Is Co Pl max al op est ed Sq long pop lat temp par sec Sec trans Pk
    """
)
#: Abbreviations never at the end of a sentence.
NEVER_FINAL = frozenset({"viz", "cf", "vs", "ca", "approx", "incl", "esp"})

#: Words before a number or a Roman numeral, singular and plural forms; only there are they abbreviations.
BEFORE_NUMBER = {
    "No": "number", "no": "number", "Nos": "numbers", "nos": "numbers", "Vol": "volume", "vol": "volume",
    "Vols": "volumes", "vols": "volumes", "p": "page", "P": "page", "pp": "pages", "Pp": "pages",
    "Fig": "figure",
    "fig": "figure", "Figs": "figures", "figs": "figures", "Ch": "chapter", "ch": "chapter",
    "Chap": "chapter",
    "chap": "chapter", "chaps": "chapters", "Sec": "section", "sec": "section", "Art": "article",
    "art": "article",
    "Pt": "part", "pt": "part", "Eq": "equation", "eq": "equation", "Bk": "book", "bk": "book",
    "Ex": "example",
    "ex": "example", "Op": "opus", "op": "opus", "l": "line", "ll": "lines", "c": "circa", "ca": "circa",
    "b": "born", "d": "died", "fl": "flourished", "n": "note", "Par": "paragraph", "par": "paragraph",
    "Rm": "room", "Apt": "apartment", "Ps": "psalm", "Pl": "plate", "Cor": "Corinthians", "Gen": "Genesis",
    "Matt": "Matthew", "Rom": "Romans", "Rev": "Revelation", "Exod": "Exodus", "Deut": "Deuteronomy",
    "Isa": "Isaiah", "Tel": "telephone", "tel": "telephone", "ext": "extension", "Ext": "extension",
    "v": "verse",
    "vv": "verses",
}  # fmt: skip
#: Of BEFORE_NUMBER, those whose number is a year of one's life.
BEFORE_YEAR = frozenset({"c", "ca", "b", "d", "fl"})

#: States after a comma or before another mark of place.
STATES = {
    "Ala": "Alabama", "Ariz": "Arizona", "Ark": "Arkansas", "Cal": "California", "Calif": "California",
    "Colo": "Colorado", "Conn": "Connecticut", "Del": "Delaware", "Fla": "Florida", "Ga": "Georgia",
    "Ill": "Illinois", "Ind": "Indiana", "Kan": "Kansas", "Kans": "Kansas", "Ky": "Kentucky",
    "La": "Louisiana",
    "Md": "Maryland", "Mass": "Massachusetts", "Mich": "Michigan", "Minn": "Minnesota", "Miss": "Mississippi",
    "Mo": "Missouri", "Mont": "Montana", "Neb": "Nebraska", "Nebr": "Nebraska", "Nev": "Nevada",
    "Okla": "Oklahoma",
    "Ore": "Oregon", "Pa": "Pennsylvania", "Penn": "Pennsylvania", "Tenn": "Tennessee", "Tex": "Texas",
    "Vt": "Vermont", "Va": "Virginia", "Wash": "Washington", "Wis": "Wisconsin", "Wyo": "Wyoming",
}  # fmt: skip

#: Dotted abbreviations, without their dots and spaces, in small letters.
DOTTED = {
    "eg": "for example", "ie": "that is", "am": "A M", "pm": "P M", "ad": "A D", "bc": "B C", "bce": "B C E",
    "ce": "C E", "phd": "P H D", "md": "M D", "ba": "B A", "ma": "M A", "nb": "N B", "ps": "P S", "qv": "Q V",
    "rip": "R I P", "rsvp": "R S V P", "ne": "northeast", "nw": "northwest", "se": "southeast",
    "sw": "southwest",
    "nne": "north northeast", "nnw": "north northwest", "sse": "south southeast", "ssw": "south southwest",
    "ene": "east northeast", "ese": "east southeast", "wnw": "west northwest", "wsw": "west southwest",
    "aka": "also known as", "asap": "A S A P",
}  # fmt: skip
DOTTED_NEVER_FINAL = frozenset({"eg", "ie", "nb"})

#: All-capital abbreviations that are said as words, and those that are letters though they look like words.
ACRONYM_WORDS = _words(
    """
    NASA NATO UNESCO UNICEF AIDS OPEC ASCII NAFTA SCUBA LASER RADAR SONAR FIFA UEFA NIMBY SWAT DEFRA OSHA
    FEMA NORAD PIN RAM ROM SIM GIF JPEG COVID SARS MERS CERN OXFAM INTERPOL QANTAS BASIC COBOL FORTRAN
    SALT START ANZAC ACAS ASEAN MENSA NASDAQ PETA RAND TASER WASP YUPPIE ZIP
    """
)
INITIALISMS = _words(
    """
    US UK EU UN TV PC CD ID IQ OK AM PM AD BC BCE CE USA FBI CIA BBC CNN NBC ABC CBS NBA NFL DNA RNA ATM
    CEO CFO CTO PhD RAF RAAF NHS MP MPs GP HIV USSR USS HMS SOS VIP DIY FAQ GPS GDP IRA IRS KGB MI NYPD
    LAPD POW RSVP UFO URL VAT WWI WWII WW AA AC DC ER HQ IOU LA NY DJ MC MD BA MA BSc MSc QC KC JP RN PS
    PO AI API CPU GPU USB HTML PDF SUV TNT ACLU UCLA MIT IBM IMF ISBN ISSN NAACP ACX AAA ESP EST EDT GMT
    UTC PTA OAP
    """
)

#: Short English words, so that capitals for emphasis ("I did NOT") are not spelt.
SHORT_WORDS = _words(
    """
    a an and any are arm art as ask at ate bad bag be bed big bit boy but buy by bye can car cat cow cry
    cup cut dad day did die do dog dry due ear eat egg end eye fat few fit fly for fox fun get go god got
    gun had has hat he her hey hi him his hit ho hot how i ice if ill in is it its job joy key kid king
    lad law lay leg let lie lot low mad man map may me men met mid mix mom mr mrs mud mum my new no nor
    not now nut of off oh old on one or our out own pay pen pig put ran rat raw red rid row run sad sat
    saw say sea see set she shy sin sir sit six sky so son sum sun ten the tie to toe too top try two up
    us use war was way we wet who why win wow yes yet you zoo ah ha la ink oak owl pea pie pot rag rib rob
    rod rug sew ski spy tea tin toy tub van via wax web wit woe won aunt lord ox ad am act add age aid aim
    air all apt ash awe axe ban bar bat bay bee beg bet bid bow box bud bug bus dim dip don elm era eve
    fan far fed fee fig fin fir fix foe fog fur gap gas gem gin gum guy ham hen hid hip hop hug hum hut
    inn jam jar jaw jet jug lap led lid lip lit log mob mug nap net nod odd oil pan pat paw peg pet pin
    pit pop ray rot rub rye sac sap shoe sip sob sow sub tan tap tar tax tip ton tow tug urn vat vet vow
    wag wed wig
    """
)

#: Words that name a numbered thing: a Roman numeral after them is a cardinal number.
LABELS = _words(
    """
    chapter part book act scene volume vol section canto article appendix figure fig table plate stage
    phase type class level grade lesson letter stave number no psalm verse page p pp title mark schedule
    route chap ch sec pt bk exercise problem case unit lecture sonnet epistle ode fit fytte satire elegy
    idyll poem stanza step rule war rocky apollo chapters parts books acts scenes volumes sections cantos
    pages paragraph column series vols category group division experiment layer item note fable tale story
    day night dialogue corps model version playstation xbox
    """
)
MONARCHS = _words(
    """
    Elizabeth Charles James Henry George William Edward Mary Richard Louis Francis Frederick Napoleon
    Nicholas Alexander Peter Philip Leopold Wilhelm Paul Ivan Ferdinand Constantine Otto Gustavus Innocent
    Gregory Pius Benedict Clement Leo Urban Julius Darius Cyrus Xerxes Ptolemy Rameses Ramses Alfonso
    Manuel Pedro Catherine Justinian Theodosius Umberto Victor Emmanuel Carol Michael Haakon Olav
    Christian Maximilian Joseph Franz Baldwin Stephen Harald Magnus Amenhotep Seti Artaxerxes Antiochus
    Isabella Juan Carlos Felipe
    """
)
#: After a monarch's name these show that "I" is the speaker.
FIRST_PERSON_VERBS = _words(
    """
    am have think know will would had do did can could shall should may might must love saw see say said
    want like hate believe hope guess mean remember met never always just really also wish need feel felt
    heard went came told tell thought knew suppose
    """
)

LOWER_ROMANS = frozenset(
    roman
    for roman in (
        tens + ones
        for tens in ("", "x", "xx", "xxx", "xl", "l", "lx", "lxx", "lxxx", "xc", "c")
        for ones in ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
    )
    if roman and from_roman(roman)
)
#: Canonical Roman numerals that are words, names or other abbreviations: numbers only after a label.
ROMAN_WORDS = _words(
    """
    I V X C D L M DC CD MC MD MM CC DI LI MI XL CV CI CM MIX DIM MILD LIVID CIVIL MIMIC VIVID DID LID MID
    CIVIC DILL MILL MILD DIMLY DIV MIL LIV VIM DM CL ML DL XXX MV MCI MDI DX XC
    """
)

#: Words after which a number of four digits is a year.
BEFORE_A_YEAR = _words(
    """
    in since by until till from of year years circa before after during around early late mid spring
    summer autumn fall winter christmas easter to and between about copyright edition ad
    """
)
#: Nouns that are plural without an s: "1500 men" is a quantity.
IRREGULAR_PLURALS = _words(
    """
    men women children people feet sheep mice oxen geese teeth persons horse foot percent dozen
    """
)
#: Small words that end in s and are no plural noun.
NOT_PLURAL = _words(
    """
    was is has as his this us its does plus versus thus yes perhaps always less across
    """
)

ELISIONS = _words(
    """
    tis twas twere twould twill em cause til till bout n d neath gainst fore tisn twixt round cept ere un
    im er specially pon mongst mid e i ave ad ouse orse eard
    """
)

#: Words that often open a sentence: after an initial or a dotted abbreviation they show that it ended.
STARTERS = _words(
    """
    The Then He She It They We You But And So When In A An This That There These Those His Her Their Our
    My If As At On For From With After Before While What Who Why How Where No Yes Now Once One Some Many
    Most All Here Not Or Nor Yet Still Even Perhaps Suddenly However Meanwhile Its To By I It's He's She's
    I'm I'd I've I'll Do Did Is Are Was Were Has Have Had Will Would Can Could Let Come Go Oh Ah Well Both
    Each Every Such Two Three Never Nothing Nobody Everyone Everybody Later Soon Today Tomorrow Yesterday
    """
)

SPEECH_VERBS = (
    "said|says|asked|asks|cried|cries|replied|answered|exclaimed|shouted|called|whispered|muttered|returned|"
    "repeated|added|remarked|continued|thought|began|screamed|laughed|sighed|demanded|inquired|enquired|observed|"
    "went|groaned|growled|gasped|murmured|declared|roared|yelled|wrote|interrupted|ventured|put|snapped|pleaded"
)
