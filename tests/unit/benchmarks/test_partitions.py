"""The messages of a benchmark with several consumers, dealt by partition as a consumer group does."""

from benchmarks.instances import partitioned
from shared.testing.bus import FakeRecord


def test_parts_have_each_message_once_and_whole_partitions() -> None:
    records = [FakeRecord("t", 0, number, f"key-{number % 40}".encode(), b"") for number in range(400)]
    parts = [partitioned(records, part, 3) for part in range(3)]
    assert sum(map(len, parts)) == 400
    assert len({(each.partition, each.offset) for part in parts for each in part}) == 400
    owners = [{each.partition for each in part} for part in parts]
    assert all(
        not one & other for one, other in ((owners[0], owners[1]), (owners[0], owners[2]), (owners[1], owners[2]))
    )
    for part in parts:
        for number in {each.partition for each in part}:
            offsets = [each.offset for each in part if each.partition == number]
            assert offsets == list(range(len(offsets)))
