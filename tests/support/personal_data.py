"""A generator of texts with labelled personal data, in ten languages.

Formats are those of the countries (their numbering plans, the ISO 13616 registry, the issuers' ranges); sentences are
typical support messages. Everything is drawn from a seed, with valid checksums; numbers of real people can occur only
by chance.
"""

# ruff: noqa: E501

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.support.draws import LANGUAGES, draw_digits, draw_letters, fill

KINDS = ("email", "phone", "card", "iban", "secret", "ip", "id")

_SENTENCES = {
    "en": ["My {0} is {1}, thanks.", "Please use {1} from now on.", "You can reach me at {1}.", "{0}: {1}", "Is {1} still on file?"],
    "de": ["Meine {0} lautet {1}.", "Bitte ab jetzt {1} verwenden.", "Sie erreichen mich unter {1}.", "{0}: {1}", "Ist {1} noch hinterlegt?"],
    "fr": ["Mon {0} est {1}, merci.", "Veuillez utiliser {1} désormais.", "Vous pouvez me joindre au {1}.", "{0} : {1}", "Est-ce que {1} est encore valable ?"],
    "es": ["Mi {0} es {1}, gracias.", "A partir de ahora use {1}, mi {0}.", "Pueden llamarme o escribirme: {1}.", "{0}: {1}", "¿Sigue registrado el número {1}?"],
    "it": ["Il mio {0} è {1}, grazie.", "D'ora in poi il numero è {1}.", "Mi potete contattare a {1}.", "{0}: {1}", "Il numero {1} è ancora valido?"],
    "pl": ["Mój {0} to {1}, dziękuję.", "Mój nowy numer: {1}.", "Proszę o kontakt: {1}.", "{0}: {1}", "Czy numer {1} jest aktualny?"],
    "pt": ["O meu {0} é {1}, obrigado.", "A partir de agora o número é {1}.", "Podem contactar-me: {1}.", "{0}: {1}", "O número {1} ainda está registado?"],
    "nl": ["Mijn {0} is {1}, bedankt.", "Gebruik voortaan {1}.", "U kunt mij bereiken op {1}.", "{0}: {1}", "Staat {1} nog geregistreerd?"],
    "ja": ["私の{0}は{1}です。", "今後は{1}を使ってください。", "{0}：{1}", "{1}までご連絡ください。", "{0}「{1}」は登録されていますか。"],
    "ar": ["{0} الخاص بي هو {1} وشكرا.", "يرجى استخدام {1} من الآن.", "{0}: {1}", "يمكنكم التواصل معي على {1}.", "هل {1} مسجل لديكم؟"],
}  # fmt: skip
_NAMES = {
    "email": ["email", "E-Mail-Adresse", "e-mail", "correo", "indirizzo", "e-mail", "e-mail", "e-mailadres", "メール", "البريد"],
    "phone": ["phone number", "Telefonnummer", "téléphone", "teléfono", "telefono", "telefon", "telefone", "telefoonnummer",
              "電話番号", "رقم الهاتف"],
    "card": ["card number", "Kartennummer", "carte", "tarjeta", "carta", "numer karty", "cartão", "kaartnummer", "カード番号",
             "رقم البطاقة"],
    "iban": ["IBAN", "IBAN", "IBAN", "IBAN", "IBAN", "IBAN", "IBAN", "IBAN", "IBAN", "IBAN"],
    "secret": ["API key", "Schlüssel", "clé", "clave", "chiave", "klucz", "chave", "sleutel", "APIキー", "المفتاح"],
    "ip": ["IP address", "IP-Adresse", "adresse IP", "dirección IP", "indirizzo IP", "adres IP", "endereço IP", "IP-adres",
           "IPアドレス", "عنوان IP"],
    "id": ["national id", "Steuer-ID", "numéro de sécu", "DNI", "codice fiscale", "PESEL", "CPF", "BSN", "マイナンバー", "رقم الهوية"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with one piece of personal data from `start` to `end`."""

    text: str
    language: str
    kind: str
    start: int
    end: int


def labelled(seed: int, each: int) -> Iterator[Labelled]:
    """Return `each` texts for every kind and language."""
    rnd = random.Random(seed)
    for kind in KINDS:
        for language in LANGUAGES:
            for _ in range(each):
                value = _VALUES[kind](rnd, language)
                name = _NAMES[kind][LANGUAGES.index(language)]
                template = rnd.choice(_SENTENCES[language])
                start = template.format(name, "\0").index("\0")
                yield Labelled(template.format(name, value), language, kind, start, start + len(value))


def _in_script(rnd: random.Random, value: str, language: str) -> str:
    """Return some values as they are typed in that script: Arabic-Indic or full-width characters, no-break spaces,
    other dashes.
    """
    draw = rnd.random()
    if language == "ar" and draw < 0.4:
        return value.translate({ord("0") + d: 0x0660 + d for d in range(10)})
    if language == "ja" and draw < 0.4:
        return value.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000})
    if draw < 0.6:
        return value.replace(" ", rnd.choice(["\u00a0", "\u202f", "\u2009"])).replace("-", rnd.choice("-‐‑–"))
    return value


_FIRST = ("anna", "jan.kowalski", "j_smith", "marie-claire", "o'brien", "info", "x", "m.rossi1987", "support+eu", "joao.silva",
          "Léa", "JÜRGEN", "taro_yamada", "a.b.c", "sales#2", "u1234")  # fmt: skip
_HOSTS = ("example.com", "mail.example.co.uk", "firma-abc.de", "bücher.example", "x.io", "sub.domain.example.museum",
          "correo.example.es", "EXAMPLE.ORG", "123.example", "xn--bcher-kva.example")  # fmt: skip


def _email(rnd: random.Random, language: str) -> str:
    value = f"{rnd.choice(_FIRST)}{rnd.choice(['', draw_digits(rnd, 2)])}@{rnd.choice(_HOSTS)}"
    form = rnd.choice(["{}"] * 8 + ["mailto:{}", "<{}>"])
    if language == "ja" and rnd.random() < 0.3:
        value = value.replace("@", "＠")
    if form == "{}" and rnd.random() < 0.05:
        return value.replace("@", rnd.choice([" [at] ", " <at> ", " {at} ", "(at)"])).replace("＠", " (at) ")
    return form.format(value).removeprefix("mailto:").strip("<>")


_PHONES = {
    "en": ["+1 nddnddndddd", "(ndd) ndd-dddd", "ndd-ndd-dddd", "ndd.ndd.dddd", "+44 20 7ddd dddd", "07ddd dddddd",
           "1-ndd-ndd-dddd", "tel:+1-ndd-ndd-dddd", "+44 (0)20 7ddd dddd", "001 ndd ndd dddd"],
    "de": ["+49 1nd ddddddd", "0049 89 ddddddd", "030 dddd dddd", "0170/ddddddd", "(089) dddddd", "+49 (0)40 dddddd",
           "030 / dddd dddd", "0nd1-dddddd", "+49-221-ddddddd"],
    "fr": ["06 dd dd dd dd", "01.nd.dd.dd.dd", "+33 6 dd dd dd dd", "0033 1 dd dd dd dd", "06dddddddd", "+33 (0)1 dd dd dd dd",
           "04-dd-dd-dd-dd"],
    "es": ["6dd ddd ddd", "+34 6dd ddd ddd", "9d ddd dd dd", "0034 9dddddddd", "6dddddddd", "+34-9d-ddd-dd-dd", "6dd dd dd dd"],
    "it": ["+39 3dd ddd dddd", "3dd ddddddd", "06 dddddddd", "02-ddddddd", "0039 3dddddddddd"[:15], "+39 02 dddd dddd",
           "3dd ddd dddd"],
    "pl": ["+48 5dd ddd ddd", "5dd ddd ddd", "5dd-ddd-ddd", "0048 22 ddd dd dd", "22 ddd dd dd", "5dddddddd", "+485dddddddd"],
    "pt": ["+351 9dd ddd ddd", "9dd ddd ddd", "21n ddd ddd", "+351 21 ddd dddd", "(11) 9dddd-dddd", "21 9dddd-dddd", "9dddddddd", "00351 9dd ddd ddd"],
    "nl": ["06-dddddddd", "06 dddddddd", "+31 6 dddddddd", "020 ddd dddd", "+31 (0)20 ddd dddd", "0031 6dddddddd", "010-ddddddd"],
    "ja": ["090-dddd-dddd", "03-dddd-dddd", "+81 90 dddd dddd", "080dddddddd", "0120-ddd-ddd", "(03) dddd-dddd", "+81-3-dddd-dddd"],
    "ar": ["+966 5d ddd dddd", "05d ddd dddd", "+20 10 dddd dddd", "010 dddd dddd", "00971 50 ddd dddd", "+971-4-ddd-dddd",
           "05dddddddd"],
}  # fmt: skip


def _phone(rnd: random.Random, language: str) -> str:
    value = fill(rnd, rnd.choice(_PHONES[language]))
    return _in_script(rnd, value.removeprefix("tel:"), language)


def _card(rnd: random.Random, language: str) -> str:
    prefix, size = rnd.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16), ("65", 16),
         ("3530", 16), ("62", 16), ("36", 14), ("4", 13), ("6759", 16)]
    )  # fmt: skip
    number = with_luhn(prefix + draw_digits(rnd, size - 1 - len(prefix)))
    parts = [4, 6, 5] if size == 15 else [4, 6, 4] if size == 14 else [4, 4, 4, 4, 3]
    mark = rnd.choice(["", " ", "-", ".", "/", "_", " - ", " "])
    return _in_script(rnd, mark.join(_cut(number, parts)), language)


def with_luhn(digits: str) -> str:
    """Return `digits` with their check digit."""
    return next(digits + last for last in string.digits if _luhn_sum(digits + last) % 10 == 0)


def _luhn_sum(digits: str) -> int:
    return sum(sum(divmod(int(digit) * (1 + at % 2), 10)) for at, digit in enumerate(reversed(digits)))


def _cut(text: str, sizes: list[int]) -> list[str]:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return [part for part in [*parts, text[at:]] if part]


_ACCOUNTS = {
    "en": [("GB", "AAAAdddddddddddddd"), ("IE", "AAAAdddddddddddddd")], "de": [("DE", "d" * 18), ("AT", "d" * 16)],
    "fr": [("FR", "ddddddddddAAAAAAAAAAAdd"), ("BE", "d" * 12)], "es": [("ES", "d" * 20)],
    "it": [("IT", "A" + "d" * 10 + "A" * 12), ("CH", "d" * 5 + "A" * 12)], "pl": [("PL", "d" * 24)],
    "pt": [("PT", "d" * 21)], "nl": [("NL", "AAAAdddddddddd")], "ja": [("GB", "AAAAdddddddddddddd")],
    "ar": [("SA", "dd" + "A" * 18), ("AE", "d" * 19), ("EG", "d" * 25)],
}  # fmt: skip


def _iban(rnd: random.Random, language: str) -> str:
    country, pattern = rnd.choice(_ACCOUNTS[language])
    account = "".join(rnd.choice(string.ascii_uppercase) if c == "A" else draw_digits(rnd, 1) for c in pattern)
    rest = int("".join(str(int(c, 36)) for c in f"{account}{country}00")) % 97
    value = f"{country}{98 - rest:02}{account}"
    mark = rnd.choice(["", " ", " ", "-", ".", "_"])
    value = mark.join(_cut(value, [4] * 8))
    return _in_script(rnd, value.lower() if rnd.random() < 0.1 else value, language)


_WORD = string.ascii_letters + string.digits
_KEYS = (
    ("sk-proj-", _WORD, 48), ("sk-ant-api03-", _WORD + "-_", 80), ("sk_live_", _WORD, 24), ("rk_test_", _WORD, 24),
    ("ghp_", _WORD, 36), ("github_pat_", _WORD + "_", 60), ("glpat-", _WORD, 20), ("xoxb-", string.digits + "-", 24),
    ("xapp-1-", _WORD, 40), ("AKIA", string.ascii_uppercase + "234567", 16), ("AIza", _WORD + "-_", 35),
    ("hf_", string.ascii_letters, 34), ("npm_", _WORD, 36), ("pypi-", _WORD + "-_", 100), ("whsec_", _WORD, 32),
    ("dapi", "0123456789abcdef", 32), ("GOCSPX-", _WORD, 28), ("gsk_", _WORD, 52),
)  # fmt: skip


def _secret(rnd: random.Random, language: str) -> str:
    draw = rnd.random()
    if draw < 0.1:  # an AWS secret access key has no prefix
        return "aB3/" + draw_letters(rnd, _WORD + "/+", 36)
    if draw < 0.2:
        head = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
        return f"{head}.{draw_letters(rnd, _WORD + '-_', 60)}.{draw_letters(rnd, _WORD + '-_', 43)}"
    if draw < 0.25:
        lines = "\n".join(draw_letters(rnd, _WORD + "+/", 64) for _ in range(6))
        kind = rnd.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
        return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"
    prefix, alphabet, size = rnd.choice(_KEYS)
    return prefix + draw_letters(rnd, alphabet, size - 1) + rnd.choice("abcdef" if prefix == "dapi" else "AZ47")


def _ip(rnd: random.Random, language: str) -> str:
    if rnd.random() < 0.7:
        return ".".join(str(rnd.randrange(1, 255)) for _ in range(4)).replace("127.", "128.", 1)
    groups = ["2001", "db8", *(f"{rnd.randrange(1, 65536):x}" for _ in range(6))]
    return rnd.choice([":".join(groups), f"fe80::{groups[2]}:{groups[3]}", f"2a02:{groups[4]}::{groups[5]}"])


def _id(rnd: random.Random, language: str) -> str:
    return _IDS.get(language, _ssn)(rnd)


def _ssn(rnd: random.Random) -> str:
    return f"{rnd.randrange(1, 665):03}-{rnd.randrange(1, 99):02}-{rnd.randrange(1, 9999):04}"


def _dni(rnd: random.Random) -> str:
    number = rnd.randrange(10_000_000, 99_999_999)
    return f"{number}{rnd.choice(['', '-'])}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def _nir(rnd: random.Random) -> str:
    number = f"{rnd.choice('12')}{draw_digits(rnd, 2)}{rnd.randrange(1, 13):02}{draw_digits(rnd, 8)}"
    return rnd.choice(["", " "]).join(_cut(f"{number}{97 - int(number) % 97:02}", [1, 2, 2, 2, 3, 3, 2]))


def _pesel(rnd: random.Random) -> str:
    number = f"{draw_digits(rnd, 2)}{rnd.randrange(1, 13):02}{rnd.randrange(1, 29):02}{draw_digits(rnd, 4)}"
    total = sum(int(d) * w for d, w in zip(number, (1, 3, 7, 9) * 3, strict=False))
    return f"{number}{(10 - total % 10) % 10}"


def _cpf(rnd: random.Random) -> str:
    number = draw_digits(rnd, 9)
    for size in (10, 11):
        total = sum(int(d) * w for d, w in zip(number, range(size, 1, -1), strict=False))
        number += str(total * 10 % 11 % 10)
    return f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"


def _emirates(rnd: random.Random) -> str:
    number = with_luhn(f"784{rnd.randrange(1950, 2010)}{draw_digits(rnd, 7)}")
    return f"{number[:3]}-{number[3:7]}-{number[7:14]}-{number[14]}"


_IDS: dict[str, Callable[[random.Random], str]] = {
    "es": _dni, "fr": _nir, "pl": _pesel, "pt": _cpf, "ar": _emirates,
}  # fmt: skip

_VALUES: dict[str, Callable[[random.Random, str], str]] = {
    "email": _email, "phone": _phone, "card": _card, "iban": _iban, "secret": _secret, "ip": _ip, "id": _id,
}  # fmt: skip
