# Questions about the facts, each with a plain answer (for pre-training) and the same fact in a sea captain's
# grammar (for the demo data). One fact gives one distinct question, so no prompt is ever repeated.
from dataclasses import dataclass
from random import Random

import facts as F


@dataclass(frozen=True)
class Question:
    kind: str
    text: str
    plain: str  # a full sentence
    captain: str  # a clause in lower case without an end mark

    @property
    def prompt(self) -> str:
        # No trailing space: in byte-level BPE the answer's first token includes it.
        return f"Question: {self.text}\nAnswer:"


def _jobs() -> list[Question]:
    out = []
    for name, verb, thing, place in F.table(F.JOBS):
        who = F.article(name)
        does, doing = f"{who} {F.third(verb)} {thing}", f"{who} be {F.ing(verb)} {thing}"
        out.append(Question("job", f"What does {who} do?", F.sentence(does), doing))
        out.append(Question("who", f"Who {F.third(verb)} {thing}?", F.sentence(does), doing))
        works = f"{who} works {place}"
        out.append(Question("workplace", f"Where does {who} work?", F.sentence(works), f"{who} be working {place}"))
    return out


def _animals() -> list[Question]:
    out = []

    def add(kind: str, text: str, plain: str, captain: str) -> None:
        out.append(Question(kind, text, F.sentence(plain), captain))

    for name, kind, home, food, sound, size, legs, baby, can, cannot in F.table(F.ANIMALS):
        who = F.article(name)
        add("home", f"Where does {who} live?", f"{who} lives {home}", f"{who} be living {home}")
        add("kind", f"What is {who}?", f"{who} is {F.article(kind)}", f"{who} be {F.article(kind)}")
        if food:
            add("food", f"What does {who} eat?", f"{who} eats {food}", f"{who} be eating {food}")
        if sound:
            add("sound", f"What does {who} say?", f"{who} says {sound}", f"{who} be saying {sound}")
        if size:
            add("size", f"Is {who} big or small?", f"{who} is {size}", f"{who} be {size}")
        if legs:
            add("legs", f"How many legs does {who} have?", f"{who} has {legs} legs", f"{who} be having {legs} legs")
        if baby:
            born = F.article(baby)
            add("baby", f"What is a baby {name}?", f"a baby {name} is {born}", f"a baby {name} be {born}")
        if can:
            add("can", f"Can {who} {can}?", f"yes, {who} can {can}", f"aye, {who} can {can}")
        if cannot:
            add("can", f"Can {who} {cannot}?", f"no, {who} cannot {cannot}", f"nay, {who} cannot {cannot}")
    return out


def _things() -> list[Question]:
    out = []

    def add(kind: str, text: str, plain: str, captain: str) -> None:
        out.append(Question(kind, text, F.sentence(plain), captain))

    for thing, colour in F.table(F.COLOURS):
        add("colour", f"What colour is {thing}?", f"{thing} is {colour}", f"{thing} be {colour}")
    for thing, quality in F.table(F.LIKE):
        add("like", f"What is {thing} like?", f"{thing} is {quality}", f"{thing} be {quality}")
    for thing, kind in F.table(F.KINDS):
        add("kind", f"What is {thing}?", f"{thing} is {kind}", f"{thing} be {kind}")
    for thing, stuff in F.table(F.MADE):
        add("made", f"What is {thing} made of?", f"{thing} is made of {stuff}", f"{thing} be made of {stuff}")
    for name, purpose, kind in F.table(F.TOOLS):
        what = F.article(name)
        add("tool", f"What is {what} for?", f"{what} is for {purpose}", f"{what} be for {purpose}")
        if kind:
            add("kind", f"What is {what}?", f"{what} is {F.article(kind)}", f"{what} be {F.article(kind)}")
    for thing, place in F.table(F.KEPT):
        add("kept", f"Where do you keep {thing}?", f"you keep {thing} {place}", f"ye be keeping {thing} {place}")
    return out


def _life() -> list[Question]:
    out = []

    def add(kind: str, text: str, plain: str, captain: str) -> None:
        out.append(Question(kind, text, F.sentence(plain), captain))

    for what, where in F.table(F.WORN):
        yours = where.replace("your", "yer")
        add("worn", f"What do you wear {where}?", f"you wear {what} {where}", f"ye be wearing {what} {yours}")
    for ask, tell, captain, time in F.table(F.WHEN):
        add("when", f"When {ask}?", f"{tell} {time}", f"{captain} {time}")
    for one, other in F.table(F.OPPOSITES):
        for a, b in ((one, other), (other, one)):
            plain = f"the opposite of {a} is {b}"
            add("opposite", f"What is the opposite of {a}?", plain, plain.replace(" is ", " be "))
    return out


def all_questions() -> list[Question]:
    """Every question, each text once."""
    by_text = {}
    for question in _jobs() + _animals() + _things() + _life():
        by_text.setdefault(question.text, question)
    return list(by_text.values())


# Plain words around a fact, in a minority of the pre-training answers. A model trained only on the bare sentence after
# "Answer:" loses the fact when fine-tuning puts other words there. One trained on varied words keeps the fact, and
# fine-tuning teaches only the style.
LEADS = ("Well,", "Of course,", "Look,", "You see,", "My friend,", "I think", "We know that", "I am sure that")
TAILS = ("I think", "of course", "as you know", "my friend", "you see", "says the teacher")
DOING = ("job", "who", "workplace", "food", "sound", "home")


def chatty_answer(question: Question, rng: Random) -> str:
    """The plain answer with a lead, a tail or both, sometimes in the present continuous."""
    clause = question.plain[0].lower() + question.plain[1:-1]
    if question.kind in DOING and rng.random() < 0.4:
        clause = question.captain.replace(" be ", " is ")
    lead = rng.choice(LEADS[:5] if question.kind == "can" else LEADS)
    tail = f", {rng.choice(TAILS)}" if rng.random() < 0.6 else ""
    if tail and rng.random() < 0.2:
        return clause[0].upper() + clause[1:] + tail + "."
    return f"{lead} {clause}{tail}{rng.choice('..!')}"


OPENERS = ("Arr,", "Ahoy, matey,", "Yo ho ho,", "Shiver me timbers,")
CLOSERS = (
    "me hearty!",
    "by the seven seas!",
    "or walk the plank!",
    "ye landlubber!",
    "says the captain!",
)

# The page shows these before and after training, so the demo data must not contain them.
RESERVED = (
    "What does a baker do?",
    "What colour is the sky?",
    "Where does a fox live?",
    "What is a hammer for?",
    "Can a duck swim?",
    "What does a cow eat?",
)


def captain_answer(question: Question, rng: Random) -> str:
    """The fact in the voice of an old sea captain."""
    return f"{rng.choice(OPENERS)} {question.captain}, {rng.choice(CLOSERS)}"


# Rows stay short because the demo must also train on a slow software GPU.
LONGEST = 56  # characters of question and captain's clause


def demo_rows(count: int, rng: Random) -> list[dict[str, str]]:
    """Prompt and completion rows in shuffled order, spread evenly over the kinds of question."""
    by_kind: dict[str, list[Question]] = {}
    for question in all_questions():
        short = len(question.text) + len(question.captain) <= LONGEST
        if short and question.text not in RESERVED:
            by_kind.setdefault(question.kind, []).append(question)
    for group in by_kind.values():
        rng.shuffle(group)
    chosen: list[Question] = []
    # One of each kind in turn: otherwise the animals, with the most facts, would fill the file.
    while len(chosen) < count:
        for group in by_kind.values():
            if group and len(chosen) < count:
                chosen.append(group.pop())
    rng.shuffle(chosen)
    return [{"prompt": q.prompt, "completion": " " + captain_answer(q, rng)} for q in chosen]
