"""A generator of texts without personal data that resemble it."""

# ruff: noqa: E501

import random
from collections.abc import Callable, Iterator

from tests.support.draws import LANGUAGES, draw_digits, draw_letters, fill


def negatives(seed: int, each: int) -> Iterator[tuple[str, str]]:
    """Return (text, language) pairs with numbers, dates, versions, hashes and names that are not personal data."""
    rnd = random.Random(seed)
    for language in LANGUAGES:
        for _ in range(each):
            name, value = rnd.choice(_HARMLESS)
            template = rnd.choice([_PLAIN[language], "{0}: {1}", "{1}", "({1})", "{0} {1}, {1}"])
            yield template.format(name, value(rnd)), language


_PLAIN = {
    "en": "The {0} was {1} yesterday.", "de": "Die {0} war gestern {1}.", "fr": "Hier, {0} : {1}.", "es": "Ayer fue {1}.",
    "it": "Ieri era {1}.", "pl": "Wczoraj było {1}.", "pt": "Ontem foi {1}.", "nl": "Gisteren was dat {1}.",
    "ja": "昨日は{1}でした。", "ar": "كان {1} أمس.",
}  # fmt: skip


_HARMLESS: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("order", lambda r: f"#{draw_digits(r, 8)}"),
    ("order", lambda r: f"{r.choice(['ORD', 'INV', 'RMA'])}-{r.randrange(2019, 2027)}-{draw_digits(r, 6)}"),
    ("ticket", lambda r: fill(r, "nddddddd")),
    ("version", lambda r: f"{r.randrange(30)}.{r.randrange(20)}.{r.randrange(100)}"),
    ("version", lambda r: f"v{r.randrange(9)}.{r.randrange(20)}.{r.randrange(99)}.{r.randrange(99)}"),
    ("date", lambda r: f"{r.randrange(1970, 2030)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}"),
    ("date", lambda r: f"{r.randrange(1, 29):02}.{r.randrange(1, 13):02}.{r.randrange(1970, 2030)}"),
    ("date", lambda r: f"{r.randrange(1, 13):02}/{r.randrange(1, 29):02}/{r.randrange(1970, 2030)}"),
    ("time", lambda r: f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}"),
    ("timestamp", lambda r: f"2026-0{r.randrange(1, 10)}-1{r.randrange(10)}T0{r.randrange(10)}:15:{fill(r, '3d.ddd')}Z"),
    ("epoch", lambda r: f"17{draw_digits(r, 8)}"),
    ("price", lambda r: f"${r.randrange(1, 999)},{draw_digits(r, 3)}.{draw_digits(r, 2)}"),
    ("price", lambda r: f"{r.randrange(1, 999)}.{draw_digits(r, 3)},{draw_digits(r, 2)} €"),
    ("price", lambda r: f"{r.randrange(1, 99)} {draw_digits(r, 3)} {draw_digits(r, 3)} zł"),
    ("commit", lambda r: draw_letters(r, "0123456789abcdef", 40)),
    ("digest", lambda r: "sha256:" + draw_letters(r, "0123456789abcdef", 64)),
    ("uuid", lambda r: "-".join(draw_letters(r, "0123456789abcdef", n) for n in (8, 4, 4, 4, 12))),
    ("place", lambda r: f"{r.randrange(90)}.{draw_digits(r, 5)}, {r.randrange(180)}.{draw_digits(r, 5)}"),
    ("place", lambda r: f"-{r.randrange(90)}.{draw_digits(r, 6)}, -{r.randrange(180)}.{draw_digits(r, 6)}"),
    ("share", lambda r: f"{r.randrange(100)}.{draw_digits(r, 4)} %"),
    ("book", lambda r: f"ISBN 978-{fill(r, 'd-dd-dddddd-d')}"),
    ("paper", lambda r: f"10.{draw_digits(r, 4)}/{draw_digits(r, 7)}.{draw_digits(r, 7)}"),
    ("flight", lambda r: f"LH{draw_digits(r, 4)}"),
    ("package", lambda r: f"@{r.choice(['types', 'babel'])}/core@{r.randrange(9)}.{r.randrange(9)}.0"),
    ("handle", lambda r: f"@user{draw_digits(r, 3)}"),
    ("code", lambda r: "self.assertEqual(std::max(a_1, b_2), 10)"),
    ("path", lambda r: f"/usr/local/lib/python3.{r.randrange(9, 14)}/site-packages/module_{draw_digits(r, 2)}.py"),
    ("score", lambda r: f"{r.randrange(10)}/10, {r.randrange(100)}:{r.randrange(100)}"),
    ("range", lambda r: f"{r.randrange(1900, 1990)}-{r.randrange(1990, 2026)}"),
    ("size", lambda r: f"{r.randrange(1, 99)} {draw_digits(r, 3)} {draw_digits(r, 3)} bytes"),
)  # fmt: skip
