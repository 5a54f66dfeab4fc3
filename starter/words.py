"""Words that the generators draw from: lists written for this project, CC0."""


def _words(text: str) -> list[str]:
    return text.split()


NAMES = _words(
    "Ada Agnes Amir Anton Bela Bruno Carla Cyril Dana Doris Edgar Elsa Emil Fatima Felix Greta Hanna Hugo Ida "
    "Igor Ines Ivan Jonas Judith Karim Katya Lars Leila Luca Magda Marek Milo Nadia Nils Olga Oscar Paula "
    "Pedro Rita Ruben Samir Selma Stefan Tania Theo Ursula Viktor Wanda Yusuf Zoe"
)

THINGS = {
    "animal": _words(
        "badger beetle buffalo camel cobra crab crane cricket deer dolphin donkey duck eagle falcon ferret "
        "finch fox gecko goat goose hamster hare hedgehog heron horse hyena jaguar lizard lobster lynx mole "
        "moose moth newt otter owl panther parrot peacock pelican penguin pigeon rabbit raven salmon seal "
        "shark sheep shrimp snail sparrow spider squid squirrel stork swan tiger toad trout turkey turtle "
        "walrus weasel whale wolf zebra"
    ),
    "fruit": _words(
        "apple apricot banana cherry coconut cranberry date fig gooseberry grape grapefruit guava kiwi lemon "
        "lime lychee mango melon nectarine orange papaya peach pear pineapple plum pomegranate quince "
        "raspberry strawberry tangerine"
    ),
    "vegetable": _words(
        "artichoke asparagus aubergine beetroot broccoli cabbage carrot cauliflower celery courgette cucumber "
        "fennel kale leek lettuce onion parsnip pea potato pumpkin radish shallot spinach swede turnip"
    ),
    "tool": _words(
        "axe chisel clamp crowbar drill file hammer hoe ladder mallet pickaxe pliers plough rake sander saw "
        "scissors screwdriver scythe shovel sickle spade spanner trowel wrench"
    ),
    "instrument": _words(
        "accordion banjo bassoon bugle cello clarinet cornet drum fiddle flute guitar harp harmonica horn "
        "lute lyre mandolin oboe organ piano recorder saxophone sitar tambourine trombone trumpet tuba "
        "ukulele violin xylophone"
    ),
    "clothing": _words(
        "apron belt blouse boot cap cardigan cloak coat dress glove gown hat hood jacket jeans jumper kilt "
        "mitten pyjamas raincoat robe sandal scarf shawl shirt shoe skirt slipper sock sweater tie trousers "
        "tunic vest"
    ),
    "vehicle": _words(
        "ambulance barge bicycle bus canoe car carriage cart ferry glider helicopter kayak lorry minibus "
        "moped motorbike plane raft rocket sailboat scooter ship sledge submarine taxi tractor train tram "
        "truck van wagon yacht"
    ),
    "furniture": _words(
        "armchair bed bench bookcase bunk cabinet chair chest couch cradle crib cupboard desk dresser hammock "
        "shelf sofa sideboard stool table throne wardrobe"
    ),
}

OBJECTS = _words(
    "basket bell blanket book bottle bowl box brick brush bucket button candle card clock coin comb cup fan "
    "flag fork jar kettle key kite knife lamp letter map mirror mug nail needle notebook pan pebble pen "
    "pillow pin plate pot purse ribbon ring rope ruler spoon stamp stone string tent ticket torch towel vase "
    "wallet whistle"
)

COLOURS = _words(
    "beige black blue bronze brown cream golden green grey ivory orange pink purple red scarlet silver violet "
    "white yellow"
)

# In the order in which English puts them before a noun.
ADJECTIVES = {
    "opinion": _words(
        "beautiful boring charming cheap dreadful elegant excellent fine lovely nasty nice plain splendid "
        "ugly useful"
    ),
    "size": _words(
        "big broad gigantic huge large little long massive narrow short slim small tall tiny wide"
    ),
    "age": _words("ancient antique fresh medieval modern new old recent vintage young"),
    "shape": _words("bent curved flat hollow oval pointed rectangular round square triangular"),
    "colour": COLOURS,
    "origin": _words(
        "African Chinese Danish Dutch English French Greek Indian Irish Italian Japanese Mexican Polish "
        "Spanish Turkish"
    ),
    "material": _words(
        "brass ceramic cotton glass iron leather metal paper plastic rubber silk steel stone wooden woollen"
    ),
}

MONTHS = _words("January February March April May June July August September October November December")
