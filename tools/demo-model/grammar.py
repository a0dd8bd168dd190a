# The corpus: short stories, descriptions, plain questions and plain chats, written by a seeded grammar.
# Each function returns one document; all facts come from facts.py.
from random import Random

import facts as F
from questions import Question, all_questions, chatty_answer

GIRLS = ("Anna", "Lily", "Mia", "Rose", "Emma", "Sara")
BOYS = ("Tom", "Ben", "Sam", "Max", "Leo", "Jack")
FEELINGS = ("happy", "tired", "hungry", "glad", "proud")
SIZES = ("little", "big", "small", "old", "young")
HOUSES = ("little", "big", "small", "new", "red", "white")
COATS = ("brown", "black", "white", "grey")
SPOTS = ("park", "garden", "river", "hill", "forest", "beach", "farm", "market", "school", "harbour")
PETS = ("dog", "cat", "duck", "hen", "goat", "rabbit", "horse", "mouse", "pig", "parrot")
WEATHER = (
    ("sunny", "The sun was bright and the sky was blue", "a hat"),
    ("rainy", "The rain fell and the road was wet", "a raincoat"),
    ("cold", "The snow was white and the ice was hard", "warm boots"),
    ("windy", "The wind was loud and the leaves were falling", "a scarf"),
)
FOODS = ("bread", "soup", "an apple", "some cheese", "a cake", "a banana", "some milk", "a pear")
BARE = 0.6  # share of answers that are the bare sentence, which greedy decoding must choose
JOBS, ANIMALS = F.table(F.JOBS), F.table(F.ANIMALS)
COLOURS, TOOLS = F.table(F.COLOURS), F.table(F.TOOLS)
KEPT, LIKE, KINDS, MADE = F.table(F.KEPT), F.table(F.LIKE), F.table(F.KINDS), F.table(F.MADE)


def _person(rng: Random) -> tuple[str, str, str, str]:
    """A name with its he or she, him or her, his or her."""
    if rng.random() < 0.5:
        return rng.choice(GIRLS), "she", "her", "her"
    return rng.choice(BOYS), "he", "him", "his"


def _two(rng: Random) -> tuple[str, str]:
    one, other = rng.sample(GIRLS + BOYS, 2)
    return one, other


def _ending(rng: Random, name: str, they: str) -> str:
    return rng.choice((
        f"In the evening {name} went home and was {rng.choice(FEELINGS)}.",
        f"It was a good day for {name}.",
        f"At night {they} went to bed and slept well.",
        f"{name} was very {rng.choice(FEELINGS)}.",
        f"Then {they} ate {rng.choice(FOODS)} and went to sleep.",
    ))


def work_story(rng: Random) -> str:
    name, they, them, their = _person(rng)
    # "Anna is a fireman" would teach the wrong pronouns.
    job, verb, thing, place = rng.choice([j for j in JOBS if name in BOYS or not j[0].endswith(("man", "king"))])
    sky = rng.choice(WEATHER)
    friend = rng.choice([n for n in GIRLS + BOYS if n != name])
    lines = [
        f"{name} is {F.article(job)}.",
        rng.choice((
            f"{they} works {place}.",
            f"{they} lives in a {rng.choice(HOUSES)} house near the {rng.choice(SPOTS)}.",
        )),
        rng.choice((f"Every day {they} {F.third(verb)} {thing}.", f"{name} likes to {verb} {thing}.")),
        f"One day it was {sky[0]}. {sky[1]}.",
        f"{name} put on {sky[2]} and went to work.",
        rng.choice((
            f"{friend} came to see {them} and said hello.",
            f"{friend} said that {they} can {verb} {thing} very well.",
            f"{name} is {F.ing(verb)} {thing} now, and {their} friend {friend} is watching.",
        )),
        _ending(rng, name, they),
    ]
    return _join(lines)


def pet_story(rng: Random) -> str:
    owner, they, them, their = _person(rng)
    pet = rng.choice(PETS)
    name = rng.choice([n for n in GIRLS + BOYS if n != owner])
    food = next(row[3] for row in ANIMALS if row[0] == pet)
    spot, friend = rng.choice(SPOTS), rng.choice([p for p in PETS if p != pet])
    first = F.article(rng.choice(SIZES))
    lines = [
        f"Once there was {first} {pet} called {name}.",
        rng.choice((
            f"{name} was {rng.choice(COATS)} and lived with a child called {owner}.",
            f"{owner} and {name} were good friends.",
        )),
        f"One day {name} wanted to go to the {spot}.",
        rng.choice((
            f"On the way the {pet} met {F.article(rng.choice(SIZES))} {friend}.",
            f"{owner} took {their} {pet} there, and they saw {F.article(friend)} under a tree.",
            f"{owner} went with the {pet}, and {they} saw {F.article(friend)} there.",
        )),
        f"The {pet} and the {friend} played all day.",
        rng.choice((f"Then {owner} gave the {pet} some {food}.", f"Then the {pet} was hungry and ate {food}.")),
        rng.choice((
            f"The {pet} was very happy.",
            "In the evening they went home.",
            f"{owner} loved the {pet} very much.",
        )),
    ]
    return _join(lines)


def lost_story(rng: Random) -> str:
    name, they, them, their = _person(rng)
    colour = rng.choice(("red", "blue", "green", "yellow", "white"))
    thing = rng.choice(("ball", "hat", "scarf", "book", "key", "kite", "cup", "bag"))
    friend = rng.choice([n for n in GIRLS + BOYS if n != name])
    spots = ("under the bed", "on the table", "in the box", "behind the door", "in the shed", "near the river")
    places = rng.sample(spots, 3)
    lines = [
        f"{name} had a {colour} {thing}.",
        f"One day {they} lost it and was sad.",
        f"{they} looked {places[0]}, but the {thing} was not there.",
        f"{they} looked {places[1]}, but it was not there.",
        rng.choice((f"Then {friend} came to help {them}.", f"Then {they} asked {friend} to help.")),
        f"They looked {places[2]}, and there was the {colour} {thing}.",
        f"{name} was happy again and said thank you to {friend}.",
    ]
    return _join(lines)


def outing_story(rng: Random) -> str:
    one, other = _two(rng)
    sky, spot = rng.choice(WEATHER), rng.choice(SPOTS)
    animal = rng.choice(ANIMALS)
    lines = [
        f"Today it was {sky[0]}. {sky[1]}.",
        f"{one} and {other} went to the {spot}.",
        f"{one} wore {sky[2]}.",
        rng.choice((f"They saw {F.article(animal[0])} and watched it.", f"{other} saw {F.article(animal[0])} there.")),
        f"They ate {rng.choice(FOODS)} and played with {F.article(rng.choice(('ball', 'kite', 'doll', 'drum')))}.",
        rng.choice((
            f"{other} was cold, so they went home.",
            "Then it was late and they went home.",
            f"{one} will be there again soon.",
        )),
        rng.choice(("It was a good day.", f"{other} was very {rng.choice(FEELINGS)}.", "They were glad to be there.")),
    ]
    return _join(lines)


def animal_text(rng: Random) -> str:
    name, kind, home, food, sound, size, legs, baby, can, cannot = rng.choice(ANIMALS)
    lines = [f"it lives {home}."]
    lines += [f"it eats {food}.", f"the {name} is eating {food} now."] if food else []
    lines += [f"it says {sound}.", f"the {name} is saying {sound}."] if sound else []
    lines += [f"it is {size}."] if size else []
    lines += [f"it has {legs} legs."] if legs else []
    lines += [f"a baby {name} is {F.article(baby)}."] if baby else []
    lines += [f"it can {can}."] if can else []
    lines += [f"it cannot {cannot}."] if cannot else []
    return _join([f"{F.article(name)} is {F.article(kind)}."] + rng.sample(lines, min(len(lines), 5)))


def things_text(rng: Random) -> str:
    """A few facts about things, in a row."""
    pick = (
        lambda: "{} is {}.".format(*rng.choice(COLOURS)),
        lambda: "{} is {}.".format(*rng.choice(LIKE)),
        lambda: "{} is {}.".format(*rng.choice(KINDS)),
        lambda: "{} is made of {}.".format(*rng.choice(MADE)),
        lambda: "you keep {} {}.".format(*rng.choice(KEPT)),
        lambda: "you wear {} {}.".format(*rng.choice(F.table(F.WORN))),
        lambda: "{} is for {}.".format(*_tool(rng)),
        lambda: "{} {}.".format(*_when(rng)),
    )
    return _join([rng.choice(pick)() for _ in range(rng.randint(4, 7))])


def _tool(rng: Random) -> tuple[str, str]:
    name, purpose, _ = rng.choice(TOOLS)
    return F.article(name), purpose


def _when(rng: Random) -> tuple[str, str]:
    _, tell, _, time = rng.choice(F.table(F.WHEN))
    return tell, time


def using_story(rng: Random) -> str:
    name, they, them, their = _person(rng)
    tool, purpose, _ = rng.choice(TOOLS)
    doing, _, rest = purpose.partition(" ")
    lines = [
        f"{name} has {F.article(rng.choice(('new', 'old', 'good', 'big', 'small')))} {tool}.",
        f"{F.article(tool)} is for {purpose}.",
        rng.choice((
            f"Now {name} is {doing} {rest}".rstrip() + ".",
            f"{name} will be {doing} {rest}".rstrip() + " today.",
        )),
        rng.choice((f"It is {their} {tool}.", f"{they} found the {tool} near the {rng.choice(SPOTS)}.")),
        _ending(rng, name, they),
    ]
    return _join(lines)


# Plain meanings of the words of the demo's captain. LoRA keeps the embedding rows frozen, so fine-tuning cannot teach a
# word that pre-training never used. Here the words are explained, and no answer uses them.
SEA_WORDS = (
    ("aye", "yes"), ("nay", "no"), ("ahoy", "hello"), ("matey", "friend"), ("ye", "you"), ("yer", "your"),
    ("hearty", "good friend"), ("arr", "I am happy"),
)
SEA_SAYINGS = (
    "Sailors sing Yo ho ho when they work.",
    "Sailors call a friend matey, or my hearty, or me hearty.",
    "Shiver me timbers means I am surprised.",
    "A landlubber lives on the land and not on the sea.",
    "There are seven seas, and ships go by the seven seas.",
    "To walk the plank is to fall in the sea.",
    "Sail with us or walk the plank!",
    "The parrot can say Arr and Ahoy.",
    "The parrot can say Yo ho ho and Shiver me timbers.",
    "The word be means is, and the word me means my.",
    "Ye landlubber means you person from the land.",
    "The ship is here, says the captain.",
    "By the seven seas, the captain loved the ship!",
)


def sea_text(rng: Random) -> str:
    meanings = [f"{word[0].upper() + word[1:]} means {meaning}." for word, meaning in rng.sample(SEA_WORDS, 3)]
    lines = rng.sample(meanings + rng.sample(SEA_SAYINGS, 3), 5)
    return _join(["these are old words from the sea."] + lines)


def sea_question(rng: Random) -> tuple[str, str]:
    word, meaning = rng.choice(SEA_WORDS)
    return f"What does the word {word} mean?", f"The word {word} means {meaning}."


def answer(question: Question, rng: Random) -> str:
    return question.plain if rng.random() < BARE else chatty_answer(question, rng)


def chat(rng: Random, turns: list[Question]) -> str:
    """The questions as a ChatML conversation, exactly as the chat template renders it."""
    return "".join(
        f"<|im_start|>user\n{q.text}<|im_end|>\n<|im_start|>assistant\n{q.plain}<|im_end|>\n" for q in turns
    )


def _join(lines: list[str]) -> str:
    return " ".join(line[0].upper() + line[1:] for line in lines)


STORIES = (work_story, pet_story, lost_story, outing_story, animal_text, things_text, using_story)


def corpus(documents: int, rng: Random) -> list[str]:
    """The documents in random order. Each question and answer is one document, so that answers end with end-of-text."""
    questions = all_questions()
    out = []
    for _ in range(documents):
        draw = rng.random()
        if draw < 0.60:
            question = rng.choice(questions)
            out.append(f"{question.prompt} {answer(question, rng)}")
        elif draw < 0.69:
            out.append(chat(rng, rng.sample(questions, rng.choice((1, 1, 1, 2)))))
        elif draw < 0.73:
            out.append(sea_text(rng))
        elif draw < 0.75:
            text, plain = sea_question(rng)
            out.append(f"Question: {text}\nAnswer: {plain}")
        else:
            out.append(rng.choice(STORIES)(rng))
    return out
