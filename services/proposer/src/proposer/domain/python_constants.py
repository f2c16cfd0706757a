"""Replacement of one string constant in a Python file, found by the comment above it."""

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

from proposer.domain.json_strings import UnusableFile

_OPENINGS = ('"""', "'''")


@dataclass(frozen=True, slots=True)
class StringConstant:
    """A string constant: its value, and from where to where it is written in the file (characters)."""

    value: str
    start: int
    end: int


def find_constant(source: str, anchor: str) -> StringConstant:
    """Return the constant whose assignment follows the comment `# anchor`. Raises UnusableFile.

    The file is parsed and never run.
    """
    tree = _parse(source)
    line = _anchor_line(source, anchor)
    following = [node for node in ast.walk(tree) if isinstance(node, ast.Assign | ast.AnnAssign) and node.lineno > line]
    node = min(following, key=lambda node: node.lineno, default=None)
    value = node.value if node is not None else None
    if node is None or node.lineno != line + 1 or not isinstance(value, ast.Constant):
        raise UnusableFile(f"no assignment of a string constant follows the comment # {anchor}")
    if not isinstance(value.value, str):
        raise UnusableFile(f"what follows the comment # {anchor} is not a string")
    return StringConstant(value.value, *_span(source, value))


def replace_constant(source: str, anchor: str, new: str) -> str:
    """Return the file with another value of the constant; nothing else changes. Raises UnusableFile."""
    found = find_constant(source, anchor)
    written = source[found.start : found.end]
    for literal in _literals(new, written):
        changed = source[: found.start] + literal + source[found.end :]
        if _is_only_change(source, changed, anchor, new):
            return changed
    raise UnusableFile("the new text can't be written as a string constant there")


def _literals(new: str, written: str) -> list[str]:
    """Return ways to write a string, those most like the present one first."""
    escaped = "".join(_escaped(character) for character in new)
    long = [f"{q}{escaped.replace(q, q[0] + chr(92) + q[0] + chr(92) + q[0])}{q}" for q in _OPENINGS]
    if escaped.endswith('"'):
        long[0] = f'"""{escaped[:-1]}\\""""'
    prefer = [each for each in long if written.startswith(each[:3])]
    others = long if "\n" in new or written.startswith("(") else [repr(new), *long]
    return [*prefer, *others, repr(new)]


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character == "\n" or character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def _is_only_change(source: str, changed: str, anchor: str, new: str) -> bool:
    try:
        if find_constant(changed, anchor).value != new:
            return False
        back = find_constant(changed, anchor)
        was = find_constant(source, anchor)
    except UnusableFile:
        return False
    same = source[: was.start] == changed[: back.start] and source[was.end :] == changed[back.end :]
    return same and ast.dump(_parse(changed)) == ast.dump(
        _with_constant(_parse(source), was.value, new, anchor, source)
    )


def _with_constant(tree: ast.Module, old: str, new: str, anchor: str, source: str) -> ast.Module:
    line = _anchor_line(source, anchor)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.lineno == line + 1 and node.value is not None:
            assert isinstance(node.value, ast.Constant)
            assert node.value.value == old
            node.value.value = new
            node.value.kind = None
    return tree


def _parse(source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in somebody else's file
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnusableFile("it is not Python of this version") from error


def _anchor_line(source: str, anchor: str) -> int:
    """Return the line number of the only comment with the anchor's text. Raises UnusableFile."""
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = [
            t.start[0] for t in tokens if t.type == tokenize.COMMENT and t.string.lstrip("# ").strip() == anchor
        ]
    except (tokenize.TokenError, SyntaxError) as error:
        raise UnusableFile("it is not Python of this version") from error
    if len(comments) != 1:
        raise UnusableFile(f"the comment # {anchor} must be there exactly once; found {len(comments)}")
    return comments[0]


def _span(source: str, node: ast.Constant) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    lines = source.split("\n")  # \r\n was refused before: ast counts lines by \n then
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    return offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)
