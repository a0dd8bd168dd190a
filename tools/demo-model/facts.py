# Tables of everyday facts for the demo. Stories (grammar.py) and questions (questions.py) read the same tables, so they
# never contradict each other.

# Columns: name | verb | object | works where
JOBS = """
baker|bake|bread|in a bakery
farmer|grow|corn|on a farm
teacher|teach|children|in a school
doctor|help|sick people|in a hospital
cook|make|soup|in a kitchen
painter|paint|pictures|in a studio
sailor|sail|ships|on the sea
fisherman|catch|fish|on a boat
gardener|plant|flowers|in a garden
builder|build|houses|in the town
driver|drive|a bus|on the road
pilot|fly|planes|in the sky
singer|sing|songs|on a stage
writer|write|books|at a desk
tailor|sew|clothes|in a shop
postman|bring|letters|in the town
king|rule|the land|in a castle
miner|dig|coal|in a mine
dentist|clean|teeth|in a hospital
shepherd|watch|sheep|on a hill
beekeeper|keep|bees|in a garden
potter|make|pots|in a workshop
carpenter|make|chairs|in a workshop
blacksmith|make|horseshoes|in a workshop
milkman|bring|milk|in the town
fireman|stop|fires|in the town
policeman|catch|thieves|in the town
vet|help|sick animals|in a clinic
judge|judge|cases|in a court
librarian|lend|books|in a library
barber|cut|hair|in a shop
clown|make|people laugh|in a circus
dancer|dance|on the stage|in a theatre
shoemaker|mend|shoes|in a shop
hunter|hunt|deer|in the forest
captain|steer|the ship|on the sea
"""

# Columns: name | kind | home | food | sound | size | legs | baby | can | cannot   ("-" = no such fact)
ANIMALS = """
cow|animal|on a farm|grass|moo|big|four|calf|-|fly
dog|animal|in a house|meat|woof|-|four|puppy|swim|fly
cat|animal|in a house|fish|meow|small|four|kitten|climb|fly
horse|animal|in a stable|hay|neigh|big|four|foal|run|fly
pig|animal|on a farm|corn|oink|big|four|piglet|-|fly
sheep|animal|in a field|grass|baa|-|four|lamb|-|climb
duck|bird|on a pond|seeds|quack|small|two|duckling|swim|read
hen|bird|on a farm|corn|cluck|small|two|chick|-|swim
frog|animal|in a pond|flies|croak|small|four|tadpole|swim|fly
bee|insect|in a hive|honey|buzz|small|six|-|fly|swim
spider|animal|in a web|flies|-|small|eight|-|climb|fly
ant|insect|in a nest|seeds|-|small|six|-|climb|sing
owl|bird|in a tree|mice|hoot|-|two|owlet|fly|swim
lion|animal|on the plain|meat|roar|big|four|cub|run|fly
bear|animal|in a cave|berries|growl|big|four|cub|climb|fly
mouse|animal|in a hole|cheese|squeak|small|four|-|climb|fly
rabbit|animal|in a hole|carrots|-|small|four|-|run|fly
elephant|animal|on the plain|leaves|-|big|four|calf|swim|climb
monkey|animal|in the jungle|bananas|-|-|-|-|climb|fly
whale|animal|in the sea|fish|-|big|no|calf|swim|walk
shark|fish|in the sea|fish|-|big|no|-|swim|walk
snake|animal|in the grass|mice|hiss|-|no|-|swim|fly
penguin|bird|on the ice|fish|-|-|two|chick|swim|fly
giraffe|animal|on the plain|leaves|-|big|four|calf|run|fly
goat|animal|on a hill|grass|baa|-|four|kid|climb|fly
camel|animal|in the desert|grass|-|big|four|calf|run|fly
wolf|animal|in the forest|meat|howl|big|four|cub|run|climb
fox|animal|in a hole|hens|-|small|four|cub|run|fly
butterfly|insect|in a garden|-|-|small|six|-|fly|sing
parrot|bird|in the jungle|seeds|squawk|small|two|chick|fly|swim
crow|bird|in a tree|seeds|caw|small|two|chick|fly|swim
squirrel|animal|in a tree|nuts|-|small|four|-|climb|fly
deer|animal|in the forest|leaves|-|big|four|fawn|run|fly
goose|bird|on a pond|grass|honk|-|two|gosling|fly|climb
"""

# Columns: thing with its article | colour
COLOURS = """
grass|green
the sky|blue
snow|white
the sun|yellow
coal|black
a banana|yellow
a carrot|orange
milk|white
a cherry|red
a lemon|yellow
a leaf|green
a frog|green
a crow|black
a pumpkin|orange
a tomato|red
the sea|blue
chocolate|brown
mud|brown
a bear|brown
a pig|pink
an elephant|grey
a cloud|white
a swan|white
a strawberry|red
a pea|green
a mouse|grey
corn|yellow
a plum|purple
a fox|red
salt|white
a brick|red
a lion|yellow
blood|red
the night|black
honey|yellow
a goose|white
"""

# Columns: name | purpose | kind of thing ("-" = not asked)
TOOLS = """
hammer|hitting nails|tool
saw|cutting wood|tool
spoon|eating soup|-
knife|cutting bread|tool
pen|writing letters|-
broom|sweeping the floor|tool
key|opening a door|-
cup|drinking tea|-
bed|sleeping|-
chair|sitting|-
umbrella|keeping dry|-
clock|telling the time|-
lamp|giving light|-
brush|painting pictures|tool
needle|sewing clothes|tool
spade|digging holes|tool
towel|drying hands|-
oven|baking bread|-
kettle|boiling water|-
pot|cooking soup|-
bag|carrying things|-
rope|tying knots|-
ladder|climbing up|tool
ship|sailing the sea|-
coat|keeping warm|-
ball|playing games|toy
drum|making music|-
axe|chopping wood|tool
bucket|carrying water|-
map|finding the way|-
candle|giving light|-
net|catching fish|tool
doll|playing games|toy
kite|playing in the wind|toy
"""

# Columns: thing with its article | kind with its article
KINDS = """
an apple|a fruit
a banana|a fruit
a cherry|a fruit
a lemon|a fruit
a pear|a fruit
a plum|a fruit
a strawberry|a fruit
a carrot|a vegetable
a potato|a vegetable
an onion|a vegetable
a pea|a vegetable
a pumpkin|a vegetable
a rose|a flower
a daisy|a flower
a tulip|a flower
an oak|a tree
tea|a drink
milk|a drink
water|a drink
red|a colour
blue|a colour
green|a colour
winter|a season
summer|a season
spring|a season
autumn|a season
"""

# Columns: thing | where it is kept
KEPT = """
milk|in the fridge
butter|in the fridge
bread|in the cupboard
plates|in the cupboard
a coat|in the wardrobe
books|on the shelf
a car|in the garage
money|in the bank
toys|in a box
tools|in the shed
a boat|in the harbour
flowers|in a vase
hay|in the barn
honey|in a jar
jam|in a jar
letters|in a drawer
socks|in a drawer
treasure|in a chest
"""

# Columns: thing with its article | quality
LIKE = """
ice|cold
fire|hot
sugar|sweet
a lemon|sour
a stone|hard
a pillow|soft
a feather|light
a rock|heavy
rain|wet
the desert|dry
a snail|slow
a horse|fast
a knife|sharp
the night|dark
the sun|bright
thunder|loud
a mouse|quiet
a mountain|high
the sea|deep
honey|sweet
wool|warm
snow|cold
a tree|tall
a needle|sharp
a baby|small
a giant|big
candy|sweet
iron|hard
"""

# Columns: what | where or when
WORN = """
a raincoat|in the rain
warm boots|in the snow
a hat|in the sun
a scarf|in the wind
gloves|on your hands
a cap|on your head
shoes|on your feet
pyjamas|in bed
"""

# Columns: what happens, as used in a question | as used in an answer | its -ing form | time
WHEN = """
does it snow|it snows|it be snowing|in winter
do leaves fall|leaves fall|leaves be falling|in autumn
do flowers grow|flowers grow|flowers be growing|in spring
do stars shine|stars shine|stars be shining|at night
do owls fly|owls fly|owls be flying|at night
does the sun rise|the sun rises|the sun be rising|in the morning
does the sun set|the sun sets|the sun be setting|in the evening
do you eat breakfast|you eat breakfast|ye be eating breakfast|in the morning
do you eat dinner|you eat dinner|ye be eating dinner|in the evening
do you sleep|you sleep|ye be sleeping|at night
do children play|children play|children be playing|in the day
do birds build nests|birds build nests|birds be building nests|in spring
"""

OPPOSITES = """
hot|cold
big|small
high|low
fast|slow
wet|dry
hard|soft
light|heavy
dark|bright
loud|quiet
old|new
happy|sad
open|shut
long|short
full|empty
"""

# Columns: thing with its article | material
MADE = """
bread|flour
cheese|milk
butter|milk
a table|wood
a window|glass
a key|iron
a sock|wool
a book|paper
jam|fruit
a candle|wax
a snowman|snow
a wall|bricks
a ship|wood
a sail|cloth
a cake|flour
a coin|gold
"""


def table(text: str) -> list[list[str]]:
    """Rows of a table above, "-" read as an empty cell."""
    rows = [line.split("|") for line in text.strip().splitlines()]
    return [["" if cell == "-" else cell for cell in row] for row in rows]


def article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def third(verb: str) -> str:
    """Third person singular: bake -> bakes."""
    if verb.endswith(("ch", "sh", "s", "x")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def ing(verb: str) -> str:
    """Present participle: bake -> baking, cut -> cutting."""
    if verb in ("cut", "dig", "stop", "run", "swim", "sit"):
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


def sentence(text: str) -> str:
    """The text with a capital first letter and a full stop."""
    return text[0].upper() + text[1:] + "."
