# ruff: noqa: SIM905 - a table of words
"""The 2,048 words of a spoken challenge, in alphabetical order: word number i stands for the eleven bits of i.

Chosen once, for this list: plain English words of four to nine letters and two or three vowels that the CMU
pronouncing dictionary knows in one pronunciation; no names, no inflected forms of one another, no word that
shares its sound with another; any two differ in three phones or more. Changing the list changes the format.
"""

__all__ = ["WORDS"]

WORDS: tuple[str, ...] = tuple(
    """
abacus abandon able abnormal about abrasive abrupt absence absolute absorb abstract absurd access accident
acclaim accolade accord accurate achieve acoustic acquire acrobat acronym across acrylic activate actress acumen
acute adamant adherence adjacent adjective adjunct admire admit adobe adulthood advance advantage advent
advertise aerosol aerospace affluent afloat afraid after aftermath afternoon afterward agency agenda aggressor
aghast agree ahead aircraft airline airstrip alarm album alcove algebra alibi alienate alkaline allowance
almanac almighty almost along alongside alphabet also ambient ambitious amethyst ammonia amoeba amorphous
amplitude amulet anarchic ancestor anecdote angelic angular animal annals another antenna antique anything
anyway aperture appear appendix applicant appointee apprehend approach apricot arbiter arcane archery arduous
area argue armchair armpit arrange arrears arrogant artifact artifice artisan artistic asleep aspirin assembly
assistant assume asterisk asteroid astronaut athlete athletic attach attempt attention attentive attitude
attorney attract auburn authorize autograph automate avenge avenue averse awake awning azalea backbone backfire
backhand backpack backstage backward bakery ballot bamboo banana bandwidth banjo banquet barefoot baritone
baroque bartender baseball baseline basic bathroom bathtub beautiful beauty become bedrock bedtime beehive begin
begrudge behalf behind belated believe benefit betray beware bicycle billboard billiards bingo birthday
birthmark blacklist blameless blatant blemish blockade blossom blowout blowtorch blueberry bluegrass blueprint
boardwalk bobcat bobsled body bodyguard bolster bonfire bonus bookcase booklet bookshelf bookstore boomerang
bootstrap botanist boulevard bouquet boycott boyfriend boyhood boyish bracelet bracket bravado bravo breakdown
breakfast breakneck brevity briefcase brilliant brimstone broadcast broaden brochure brownie brutish budget
buffalo bulldog bulletin bumblebee buttercup butterfly button bypass bystander cabaret caboose cacao caffeine
calcium calendar campus canopy caramel carbon cardboard cardigan carefree caretaker cargo caribou carnival
carnivore carpenter cascade cashier castaway castle catapult cataract catfish cathedral caveat caviar celebrate
celestial cellulose centipede central century certainty chagrin chairman challenge champagne chaotic chaperone
character charcoal charisma charlatan chemist childhood childish children china chipmunk chocolate chromium
circulate citation civic civilian clarify classmate classroom classy clearance climax clinic clipboard clockwork
closet closure clubhouse clumsily clumsy cluster coastline cobalt cobra cockpit cocktail coconut coexist
cognitive coherent coincide collapse collector college colonize colossal comeback comedy comfort commando
commence commerce committee commotion company compare complete compost composure comprise comrade concave
concept concern concerto concoct condemn condition conducive conductor confetti confide configure conform
confront confuse conjugal conjure conqueror conscious consider constant constrain consult contact contagion
contend continue contour convey convince cookbook copious copyright cordless corkscrew corny correct corrosion
corrosive cosmic cosmonaut costume country courtesy courtroom courtship courtyard covenant covert cowboy cowgirl
cradle cranky crayon create credence credible crescendo crescent crevice crimson crochet crocodile crossbow
crosswalk crossword crowbar crunchy cryptic crystal cubicle cucumber cuddly cuisine culminate culprit cultivate
culture curious curvature customize cutthroat daily dandruff daredevil darling dashboard daydream daytime debit
debrief debug decade decent deceptive decimate decipher decision decisive declare decompose decorum decrepit
deduce default defiant deficit defunct dehydrate delicious deliver delta deluge deluxe demand denial denim
denounce departure deplete depot deprive derelict derive describe design desktop despite destiny destroy detect
devastate develop deviate devote diagnose diagram dialect dictate diction difficult digitize dignity digress
dilemma diligent dimension diminish dinosaur dioxide diploma diplomat disable disagree disbelief discharge
disclose discount discourse disdain disengage disgrace dishonest dismiss disobey disparage dispense disquiet
disrepair disrupt district dividend doctorate doghouse dogma doldrums dolphin domestic dominance dominate donate
doorstep doorway dormant dorsal downgrade downhill downpour downright downtown downward dragon dramatic drawback
dressy driftwood driveway drizzle dropout drudgery drugstore drunkard dubious dumpling duplex durable duration
dustbin dutiful dynamic dynamite earlier easily eastern eavesdrop edgewise edifice edit efficient effusive
eggplant eighteen electric elevate elicit elope eloquent elsewhere email embargo embarrass embassy embellish
emblem emphatic empire encode encompass encore endanger endemic endless energy enforce engage enhance enigma
enlighten enlist ensemble entire entropy envelope envisage enzyme epilogue equal equator equinox equip equity
escalate escape especial establish ethic ethos etiquette eulogy eureka even evergreen everyday everyone evidence
examine example exchange excite excursion exempt exercise exhale exist exotic expand expect expedite expert
expiry explain exposure express extant external extra eyebrow eyelash eyesore fabric fabricate fabulous facade
factory factual faculty falcon falsehood falsify falter familiar famous fanciful fancy fanfare farewell farmland
fascinate father fatuous feedback ferocious festive feverish fiery fiesta fifty figure filament fillet finale
finalize fingertip finicky finish finite firefly fireplace fireside firework firmware flagpole flagship flamingo
flammable flashback flatten flawless fledgling fleshy flippant flotilla flounder fluency folklore foolhardy
foolproof footage football foothold footnote footpath footprint forcibly forefront forehead forestall forestry
forlorn format formula fortify fortitude fortnight forum fourteen fractal fragment fragrance framework franchise
freedom freelance frenzy freshman frigid frivolous frontier frostbite frosty frugal fruitless fulcrum function
furniture fury future galactic galaxy gamble garage garbage gargoyle garland garrison gasket gasoline gastric
gauntlet generate genesis genetic genius getaway gibberish gimme glamorous glitter glory glucose goblet
godfather golden goldfish goldsmith goodwill gopher gorgeous gossip goulash gourmet governor gracious gradient
gradual grammar grandeur grandiose grandson granola granular grapevine graphite gravitate greedy greenback
greyhound gridiron grumpy guarantor guardian guidebook guitar gymnast habitat hacksaw haggard hairdo halibut
hallmark hamburger hamster handbag handiwork handle handshake hangout haphazard happen hardline hardship
hardware harmless harmonic harmony harpoon harvest haughty haywire hazardous headache headfirst headlight
headphone headroom healthy heartache heartbeat heartfelt hectic hedgehog helium helmet helpless herald heroic
hesitate hexagon hibernate highway hillside hindrance historic holiness homestead homework honesty honeycomb
honeymoon horizon hornet horoscope horseback horseman horseshoe hospital hostess hotbed hotel hourglass
houseboat household housewife hubbub humane humanize humbly humdrum hunchback hundredth hurried husband hyacinth
hydraulic hydrogen hygiene iceberg ideal idyllic igloo ignorant ignore iguana illusion imagine imbalance imitate
immature immoral impact impatient imperfect impetuous impish implicit implied imprint improper improve improvise
impulse inaction inactive inception include inclusive increase indeed index indicate indulge industry inertia
infantile infinite inflame inflict influence infrared infringe ingrained inhale inherit inhuman injury injustice
inkling inland innermost innocent input insofar inspire instance instead instinct institute insurance intercom
internet interplay interpret interview intrepid intricate introvert intrusion invest invoke involve iodine
ironic island item jackpot jaguar jawbone jealous jersey jettison jigsaw jitters journal jovial joystick
jubilant jubilee judicial juncture juniper justify kangaroo karate kayak kerosene keyboard keynote kickoff
kilogram kilowatt kindred kingdom kinship kiosk kitchen kiwi kneecap labyrinth landlady landlord landmark
landowner lantern larynx latex laundry lava lavish laziness leaflet leapfrog legacy legalize legend legislate
leniency letdown levied levity lexicon liberty library lifeboat lifelong lifespan lifetime lightning likewise
limbo limelight limerick limitless limousine linchpin linear linguist lipstick liquidate little livestock
lobster locale locksmith lollipop longitude loophole lopsided lottery lucid lucky lucrative lukewarm luncheon
lunchtime luscious luxury machine mackerel magazine magic magnetic magnitude magnolia magnum mailbox mailman
mainframe maintain majesty major makeshift makeup malady mammoth mandate manhole manicure manifest mannequin
manpower manual many marathon margarine marina maritime marksman marmalade marriage mascara masonry matrix
maximum mayhem meander meanwhile media medicate medicine melodic member membrane memento memoir memorize menthol
merciful mercury metallic metaphor method mezzanine microbe microwave middleman midnight midsummer midway
migrate mildew milestone minefield minibus minimum miracle mischief misfit mislead mismatch misnomer mistake
mistletoe mistrust mitigate mobilize model modernize modicum moisture molasses molecule moment momentum monarchy
monastic mongoose monitor monologue monorail monstrous moonlight morale mosaic mosquito motif motorbike
motorcade multi multiple muscular museum mushroom music musician mustang mutate mutual myself namesake napkin
narrator nation native nautical navigate nearby nebula negate neon nephew network neutral never newborn newcomer
newscast newspaper newsprint newsstand nickname nightclub nightfall ninety nocturnal noisier nomadic nonsense
nonstop northeast northern nostalgia nostril notably notebook notify novelty nowadays nucleus nullified numeric
numerous nursery nutrient nutrition nutshell oatmeal oblige obnoxious obscure observant obstacle obtuse obvious
occasion occupant occupy octagon octopus offhand office official offshore offspring offstage ointment omnibus
oncoming oneself onlooker opera opinion opponent optimal optimist orbit orchestra order ordinance organic orient
origin ornament orthodox osmosis ostrich otherwise outbound outbreak outcry outdated outfield outfit outgoing
outgrowth outlook outmoded outnumber outpost outrun outside outsmart overall overblown overboard overcast
overcome overdraft overhead overlap overnight overstep overtake overview ownership oxen ozone pacemaker pacific
pacifist paddock pageantry pagoda palpable pamphlet pancake panicking panther pantomime paperwork paradise
parallel parent parkway parsley partial partition partner passenger passport pasta pastime patchwork paternal
pathway patio patriot patrol paucity payoff peacock pedantic pedestal pedigree penalty pencil pending pendulum
penetrate penthouse people percent perform perhaps permanent permeate persevere personnel persuade pertain
pertinent pervasive pessimist pesticide petrified pettiness petulant phoenix photo physical physicist physique
piccolo picnic picture piecemeal piggyback pineapple pinpoint pioneer pipeline piranha pitchfork pitiful pizza
placard placate planet plankton plasma plastic platform platoon plausible playback playhouse plaything pliers
plywood pocket podium poetic poetry poignant pointless polemic policeman policy polite pollutant poncho popcorn
popular porcelain portrait position positive possess possible posterior potato potency powdery powerless
preamble precipice precursor predator predictor prefab prefix prejudice prelude premature prepare presence
pressure prestige presume pretend pretty pretzel previous priceless primary primeval printout private privatize
problem proclaim procure prodigal product professor profile profound progeny prohibit prolific promenade promise
promote pronounce propagate property prophetic prospect prosper protect proton prototype proverb provide
provision proxy public publicize pulpit puma punchline punctual pundit punitive purify pursue pushover pushy
python quagmire quality quantify quantum quartet quibble quicksand quiet quirky quiver quota quotation quotient
raccoon racetrack radar radius railroad railway raincoat rainfall rainstorm rainwater rampant rapport raspberry
ratified ratio rationale ravenous ravishing react readjust reason reassure rebuild recapture recharge recluse
recoil recommend reconcile reconnect recover rectify recycle redefine redirect redraw reflect refresh refuel
refurbish regard regimen register regulate rehash reimburse reinforce reinstate rejoice release relevant
relocate remind reminisce remove renegade renew repel repellent rephrase replay replenish replica replicate
reprisal reproduce reptile requisite rescue research reshuffle resident residue resolve resonance resource
respite restart restore restrain resubmit rethink retreat revamp reverence review rhapsody rhubarb rhythmic
ridicule righteous rigorous risky ritual rivalry roadblock roadside robust romance romantic roommate rotunda
rubbish ruby runaway rural sabotage sacrifice safari safeguard saffron sailboat salary salesman sanctity sandman
sandpaper satellite saturate saucepan sawdust saxophone scaffold scallop scapegoat scarecrow scarlet scary
scathing scavenger scholar schoolboy science scientist scorpion scoundrel scramble scrapbook scratchy scrutiny
sculptor scuttle seafood secrecy sector secular secure selfish semblance seminar senior sensation sensible
sentence sequence serenade sergeant serious setback seven seventeen shadow shamrock shepherd shortfall shorthand
shovel showcase showdown shrinkage sideshow sidestep sidewalk signature silicon simplify simply sincere single
sixty skeleton skirmish skyline skyrocket sleepless slingshot sloppy sluggish slumber smallish snapshot sneaky
snippet snobbery snowball snowflake snowstorm social soldier solemn solitaire soluble solution somehow someone
something sometime sonata sophomore southeast southern souvenir spaceship spaghetti spaniel spasm spatula
spearhead species specify specimen spectator spectrum speedboat spherical spider spinach splendid spokesman
sponsor sporadic spotlight sprinkle squadron squander stabilize stadium stagnant staircase stalemate stalwart
stamina standard stanza staple starboard stardom statesman static statute steadfast stencil sterling steward
stilted stingy stockpile stomach stopgap stopover stopwatch storeroom stormy strategy streetcar stringy
structure struggle student study subgroup subjugate submarine subscribe subsidy substance subvert subway succeed
successor succinct suffix suffrage sugar suggest suitcase sunflower sunscreen sunshine superb supersede
superstar supervise supplier support suppose suppress surface surfboard surmise surrender survey survivor
suspend suspicion sustain swagger swindle swollen swordfish symbolic symmetry symphony synonym synopsis syntax
synthesis synthetic system tabloid tacit tailspin talisman talkative tamper tangent tangerine tangible tapestry
tardiness tariff tarnish tasteless tasty tattoo taxation taxpayer teapot teaspoon technical technique teenage
telegraph telephone telescope televise telltale tempest temporal tenacious tendency tentacle tenuous terminal
terribly textbook textile textual texture thankless theorist therapy thesaurus thesis theta threaten threshold
throwaway thyroid tiara ticklish tidbit tightrope timeless timetable timezone timid tinker tiptoe tiresome
together token tolerance tolerate tomahawk topic tortuous touchdown trademark tradition traffic transcend
transfer transit trapeze travel travesty treasury treatise tremble triangle tribute trickster trigger trilogy
trinket tripod triumph trivia trombone trophy tropical truant trumpet tryout tulip tumult turbine turmoil
turnover turnpike turquoise tweezers twilight typeface ultimate umbrella unaltered unaware unbiased unbroken
uncertain uncle unclear uncommon undercut underdog undergo undermine underpass undertake undying uneven unfold
unfounded unhappy unicorn uniform unify union unique universe unknown unlawful unless unnamed unpack unproven
unruly unsafe unscathed unseemly unstable unsure untangle until unused unwashed unwieldy unwilling unwind
unworthy upheaval uplift upset upstairs upstream uptown urgent usurp utilize vacant vacuous vagabond valentine
valiant validate value vanguard vanilla vanquish vaporize variance varsity vegetable veranda verbatim verbiage
verdict vertebrae vertical vertigo viaduct vibrant video viewpoint vigilant vilify vinegar vineyard vintage
violate viper virtuous visible visit visualize vitamin volatile volcanic volition volunteer vortex wallpaper
walnut warden wardrobe warehouse warlike warranty washcloth watchdog waterfall watermark waterway weekday
welcome welfare westward wholesale wildcat wildlife willpower windfall withhold withstand wizard woman wonder
wondrous woodwork workbench workforce workload workout workplace workshop worldwide wormhole worrisome yardstick
yellow yoga youngster zigzag zillion zodiac zucchini
""".split()
)
