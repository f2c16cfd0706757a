r"""The product's detector with the protocol of a detection benchmark: one configuration for all streams.

It reads lines and responds to each with one: `#RESET {json meta}` begins a stream ("ok"); the response to
`value[\tsegment]` is empty, or the estimated index of the change. Alarms are those of the test statistic: no floor, no
minimum number of values.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # it is run as a file, from any folder

from benchmarks.detection.subject import Subject


def main() -> None:
    subject = Subject({"kind": "bounded", "dir": "down", "base": 0})
    for line in sys.stdin:
        if line.startswith("#RESET"):
            subject = Subject(json.loads(line[len("#RESET") :]))
            answer = "ok"
        else:
            value, _, segment = line.rstrip("\n").partition("\t")
            found = subject.observe(float(value), segment)
            answer = "" if found is None else str(found)
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
