"""Forms of personal data, variants of them, and similar texts."""

import pytest

from shared.pii.scrub import scrub

PHONES = [
    "call {5552345678}", "Tel {5552345678} please", "my phone number is {2125550147}.", "llámame al {6465550182}",
    "Rufen Sie {9876543210} an", "appelez le {5552345678}", "手机{13800138000}", "My number is {15912345678}",
    "请拨打 {138-0013-8000}", "{186 0013 8000}", "{(11) 91234-5678}", "ligue {21 98765-4321}", "{(21) 3456-7890}",
    "{8 (912) 345-67-89}", "{8(495)3456789}", "позвоните {89123456789}", "{8-912-345-67-89}", "{+7 912 345-67-89}",
    "call me at {555-1234}", "phone: {555.1234}", "my cell is {867 5309} ok", "WhatsApp {98765 43210}",
    "dial {555_234_5678}", "sms to {9123 4567}", "ring {415-555-0134}",
]  # fmt: skip
CARDS = ["{4111_1111_1111_1111}", "{4111 - 1111 - 1111 - 1111}", "x: {5500_0055_5555_5559}", "{3782_822463_10005}"]
IBANS = [
    "IBAN{DE89370400440532013000}", "IBAN:{DE89_3704_0044_0532_0130_00}", "iban{GB82WEST12345698765432}",
    "IBAN{NO93 8601 1117 947}", "my_iban_{FR14 2004 1010 0505 0001 3M02 606}",
]  # fmt: skip
EMAILS = [
    "{john @ example.com}", "{ann.b@ example.org}", "{jane.doe @example.co.uk}", "{john at example dot com}",
    "{john dot smith at mail dot example dot org}", "{john (dot) smith (at) example (dot) com}",
    "{a.b[at]example[dot]de}", "{j <at> x <dot> fr}",
    "{maria arroba ejemplo punto es}", "{JOHN AT EXAMPLE DOT COM}", "{john at example (dot) net}",
]  # fmt: skip
ADDRESSES = [
    "{::ffff:1.2.3.4}", "{::FFFF:192.168.0.1}", "{64:ff9b::192.0.2.33}", "{fe80::1%eth0}", "[{::ffff:10.0.0.7}]:8080",
]  # fmt: skip
FORMS = {"phone": PHONES, "card": CARDS, "iban": IBANS, "email": EMAILS, "ip": ADDRESSES}

LEFT_ALONE = [
    "git@github.com:a/b.git", "git clone git@gitlab.com:g/s/r.git", "ssh://git@bitbucket.org/a/b", "hg@code.example:x",
    "look at this dot com bubble", "meet at noon (the dot com team)", "I work at example.com", "users @ home",
    "see @john.doe and @types/node@1.2.3", "tell me 5551234", "call us about order 12345678", "order 13800138000",
    "function call 12345678 ns", "call took 2345678901 ns", "called 23456789 times", "page 555-1234", "555 1234 points",
    "epoch 1700000000 call", "1732190400123", "call 2026-11-21 at 10:30", "std::vector<int> a::b::c", "::1",
    "4111_1111_1111_1112", "IBANDE89370400440532013005", "ticket_2024_0012_3456",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind, forms in FORMS.items() for form in forms])
def test_forms_are_removed_entirely(kind: str, form: str) -> None:
    before, _, rest = form.partition("{")
    value, _, after = rest.partition("}")
    assert scrub(f"{before}{value}{after}") == f"{before}[{kind}]{after}"


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_similar_texts_are_unchanged(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize("run", ["4 1 1 1 1 1 ", "2345 6789 0123 ", "(0", "12.34."])
def test_very_long_run_of_digits_is_removed_entirely(run: str) -> None:
    long = (run * 1_001).rstrip(" .")
    assert scrub(f"a {long}, b").replace("(", "") == "a [number], b"
    short = "17 " * 400
    assert scrub(short) == short


def test_numbers_on_separate_lines_are_not_joined() -> None:
    lines = "12.5\n17.25\n" * 1_000
    assert scrub(lines) == lines
