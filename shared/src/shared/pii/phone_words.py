"""Words of many languages that mark a number as a phone number, or as another number."""

import re
from bisect import bisect_left, bisect_right
from functools import cached_property

from shared.pii.windowed_search import Bounds, matches

_BEFORE, _AFTER = 60, 30
"""Maximum characters between a word and the number."""
_BETWEEN = 30
"""Maximum characters between a word for another kind of number and the number."""


def _words(starts: str, anywhere: str) -> re.Pattern[str]:
    """Return a pattern of forms that start a word, and of others. Each starts with a letter, which makes it fast."""
    stems = (rf"{form[0]}(?<![^\W\d_].)(?<!\[.){form[1:]}" for form in starts.split())
    return re.compile("|".join((*stems, *anywhere.split())))


_PHONE = _words(
    r"phone smartphone cell(?:phone)?\b cell?ul fax whats signal viber sms\b call dial(?!og) ring\b text(?:ed)?\sme "
    r"mobil m[oó]vil tel\b t[eé]l[eé][fpm] t[eé]l\b handy gsm\b llam ll[aá]ma marca\w appel joi[gn] anruf ruf "
    r"erreich chiam zadzwo dzwon kom[oó]rk bell?en\b bel\b liga ligue contact contatt kontakt reach",
    "тел звон моб fono 電話 携帯 电话 手机 致电 拨打 联系 هاتف جوال اتصل موبايل 전화 휴대폰 फोन फ़ोन मोबाइल",
)
_NUMBER = _words("", r"num[eé]ro número nummer numer number 番号 号码 رقم номер")
_OTHER = _words(
    r"order invoice ticket case\b account customer parcel tracking ref\b reference id\b build version isbn serial seed "
    r"port\b auftrag rechnung vorgang commande facture dossier pedido factura cuenta ordine fattura conto\b zamówi "
    r"faktur encomenda fatura conta\b bestel article artikel job\b batch epoch timestamp",
    "bestell kunden 注文 订单 طلب",
)


class PhoneWords:
    """The marking words of a text, searched at first use."""

    def __init__(self, text: str) -> None:
        lower = text.lower()
        self._text = lower if len(lower) == len(text) else text

    def is_called(self, start: int, end: int) -> bool:
        """Tell whether a word for phones is near the number at `start` to `end`, and no word for other numbers."""
        return self._is_near(self._phones, start, end) and not self.is_other(start)

    def is_number(self, start: int, end: int) -> bool:
        """Tell whether a word for phones or for numbers is near."""
        return self._is_near(self._phones, start, end) or self._is_near(self._numbers, start, end)

    def is_other(self, start: int) -> bool:
        """Tell whether a word shortly before says that it is another number, such as that of an order."""
        at = bisect_right(self._others, (start, start)) - 1
        return at >= 0 and self._others[at][1] >= start - _BETWEEN

    @staticmethod
    def _is_near(words: list[Bounds], start: int, end: int) -> bool:
        at = bisect_left(words, (start, start))
        before = at > 0 and words[at - 1][1] >= start - _BEFORE
        after = next((word for word in words[at : at + 2] if word[0] >= end), None)
        return before or (after is not None and after[0] <= end + _AFTER)

    @cached_property
    def _phones(self) -> list[Bounds]:
        return self._found(_PHONE)

    @cached_property
    def _numbers(self) -> list[Bounds]:
        return self._found(_NUMBER)

    @cached_property
    def _others(self) -> list[Bounds]:
        return self._found(_OTHER)

    def _found(self, pattern: re.Pattern[str]) -> list[Bounds]:
        return [match.span() for match in matches(pattern, self._text)]
