"""The bot's knowledge: the articles of Lumen, a fictional lamp shop."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Article:
    """A fact with its article, an invented version of it, and the questions about it."""

    number: str
    topic: str
    fact: str
    invention: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `article` is None if no article answers it."""

    text: str
    topic: str
    article: Article | None


ARTICLES = (
    Article(
        "A11", "returns", "You can send a lamp back within 30 days, unused, in its box.",
        "You can send a lamp back within 90 days, used or not.",
        ("How long can I return a lamp?", "I don't like my lamp. Can I send it back?", "What is your return period?"),
    ),
    Article(
        "A12", "returns", "A refund reaches your account within 5 working days after the lamp arrives here.",
        "A refund reaches your account on the same day.",
        ("When do I get my refund?", "How long does a refund take?", "Where is my money for the lamp I returned?"),
    ),
    Article(
        "A13", "returns", "Returning costs 4.90, and nothing if the lamp is broken.",
        "Returning is always free, and we collect the lamp at your door.",
        ("Who pays for the return?", "Is returning free?", "What does it cost to send a lamp back?"),
    ),
    Article(
        "A21", "delivery", "Delivery takes 2 to 4 working days.", "Delivery takes one day, wherever you live.",
        ("How long does delivery take?", "When will my lamp arrive?", "Can my lamp be here tomorrow?"),
    ),
    Article(
        "A22", "delivery", "We deliver to all countries of the EU, and to Switzerland.", "We deliver to every country.",
        ("Do you deliver to Switzerland?", "Which countries do you ship to?", "Can you send a lamp to Spain?"),
    ),
    Article(
        "A23", "delivery", "From 80 on, delivery is free; below that it costs 5.90.", "Delivery is free for everybody.",
        ("What does delivery cost?", "Is shipping free?", "How do I avoid the delivery fee?"),
    ),
    Article(
        "A31", "lamps", "The Aster takes bulbs with an E14 socket of up to 40 watts.",
        "The Aster takes any bulb, of up to 100 watts.",
        ("Which bulb fits the Aster?", "What wattage may I use in an Aster?", "Does the Aster take E27 bulbs?"),
    ),
    Article(
        "A32", "lamps", "The Brio can be dimmed with its own dimmer only.", "The Brio works with every dimmer.",
        ("Can I dim the Brio?", "Does the Brio work with my dimmer?", "Which dimmer do I need for the Brio?"),
    ),
    Article(
        "A33", "lamps", "The Corona is safe in bathrooms: IP44.", "The Corona may be used under water.",
        ("Is the Corona safe in a bathroom?", "What IP rating has the Corona?", "Can I hang a Corona over my shower?"),
    ),
    Article(
        "A41", "warranty", "Our warranty is 3 years, with the receipt.", "Our warranty is for life, without a receipt.",
        ("How long is the warranty?", "Do I need the receipt for the warranty?", "My lamp broke. And now?"),
    ),
    Article(
        "A42", "warranty", "Bulbs are not part of the warranty.", "Bulbs are replaced for free, for ever.",
        ("Does the warranty cover bulbs?", "My bulb burnt out. Do you replace it?", "Are light bulbs under warranty?"),
    ),
    Article(
        "A43", "warranty", "To claim, send a picture of the lamp to our service.", "To claim, call our branches.",
        ("How do I make a warranty claim?", "Where do I report a broken lamp?", "What do you need for a claim?"),
    ),
)  # fmt: skip

UNKNOWN = (
    Question("Do you repair lamps of other brands?", "lamps", None),
    Question("Do you have a shop in Oslo?", "delivery", None),
    Question("Can I pay in three instalments?", "returns", None),
    Question("Do you sell lamps made of bamboo?", "lamps", None),
)

QUESTIONS = tuple(Question(text, article.topic, article) for article in ARTICLES for text in article.questions)


def articles_text() -> str:
    """Return all articles, as they are put into the prompt."""
    return "\n".join(f"[{article.number}] {article.fact}" for article in ARTICLES)
