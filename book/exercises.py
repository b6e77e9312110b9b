"""The book's exercises, and the course plans made of them, read from the pages' texts.

An exercise says its grade (★ by hand, ★★ change the code, ★★★ project) and its time; a plan must
agree with both.
"""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

TEXTS = Path(__file__).parent / "text"
EXERCISE = re.compile(
    r"^(?P<fence>[`:]{3,})\{exercise\} (?P<title>[^\n]*)\n:label: (?P<label>\S+)\n"
    r"(?P<body>.*?)^(?P=fence) *$",
    re.M | re.S,
)
UNITS = {"min": 1, "minute": 1, "h": 60, "hour": 60, "afternoon": 240, "day": 480, "weekend": 960}
WORDS = ("a", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS = {word: n for n, word in enumerate(WORDS, 1)} | {"an": 1, "one": 1, "half an": 0.5}
NUMBERS |= {"fifteen": 15, "twenty": 20, "thirty": 30}
TIME = re.compile(rf"(\d+|\b(?:{'|'.join(NUMBERS)})) ({'|'.join(UNITS)})s?\b", re.I)
MEETING = re.compile(r"^### Meeting (\d+): (.*)\n\n((?::.*\n|  .*\n)+)", re.M)
STATED = re.compile(r"(\d+) min (talk|live|exercises)")
DOC = re.compile(r"\{doc\}`(\w+)`")
LINK = re.compile(r"(★+) (\d+) \{ref\}`[^`<]*<(ex-[\w-]+)>`")


class Exercise(NamedTuple):
    """One exercise: its page (file and title), label, title without its time, stars, minutes."""

    page: str
    chapter: str
    label: str
    title: str
    grade: int
    minutes: int | None  # None if it does not say


class Meeting(NamedTuple):
    """One meeting of a plan: pages read before, minutes, and its links (stars, minutes, label)."""

    plan: str
    number: int
    title: str
    read: list
    minutes: dict
    room: list
    home: list


class Exercises(NamedTuple):
    """A list of exercises that a notebook shows as a table with links, or as text."""

    found: list

    def __repr__(self):
        lines = (f"{'★' * e.grade:<4}{said(e.minutes):>8}  {e.label}" for e in self.found)
        return "\n".join(lines)

    def _repr_html_(self):
        body = "".join(f"<tr>{''.join(f'<td>{t}</td>' for t in _row(e))}</tr>" for e in self.found)
        head = "".join(f'<th scope="col">{t}</th>' for t in ("grade", "exercise", "time", "page"))
        return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _row(exercise):
    link = f"{exercise.page}.html"
    title = f'<a href="{link}#{exercise.label}">{escape(exercise.title)}</a>'
    page = f'<a href="{link}">{escape(exercise.chapter)}</a>'
    return "★" * exercise.grade, title, said(exercise.minutes), page


def said(minutes):
    """Return the minutes as people say them, a str."""
    if minutes is None:
        return "not said"
    return f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"


def time_needed(title, body):
    """Return the minutes that an exercise names, in its title or last in its text; or None.

    Of a range ("1–2 h") the upper end counts; of "a weekend of computing, an hour of work", the
    work.
    """
    times = TIME.findall(title) or TIME.findall(body)
    if not times:
        return None
    number, unit = (part.lower() for part in times[-1])
    count = int(number) if number.isdigit() else NUMBERS[number]
    return round(count * UNITS[unit])


def exercises():
    """Return the exercises of all pages, a list in the pages' order."""
    found = []
    for path in sorted(TEXTS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        chapter = re.search(r"^# (.*)", text, re.M)[1]
        for match in EXERCISE.finditer(text):
            stars, _, title = match["title"].partition(" ")
            name = re.sub(r" *\([^()]*\d[^()]*\)$", "", title)
            minutes = time_needed(title, match["body"])
            place = (path.stem, chapter, match["label"])
            found.append(Exercise(*place, name, stars.count("★"), minutes))
    return found


def meetings(text):
    """Return the meetings of every plan in the text of a page, a list.

    Each is a heading "### Meeting 1: title" with the fields "Read before" (links to pages), "In the
    room" (so many min talk, live, exercises, with their links) and "At home".
    """
    found = []
    for plan in re.split(r"^## ", text, flags=re.M)[1:]:
        name = plan.partition("\n")[0]
        for number, title, fields in MEETING.findall(plan):
            keys = ("Read before", "In the room", "At home")
            before, room, home = (_field(fields, key) for key in keys)
            read = DOC.findall(before)
            minutes = {part: int(n) for n, part in STATED.findall(room)}
            minutes["home"] = int(re.search(r"\d+", home)[0])
            links = LINK.findall(room), LINK.findall(home)
            found.append(Meeting(name, int(number), title, read, minutes, *links))
    return found


def _field(fields, name):
    return re.search(rf"^:{name}:((?:.*\n)(?:  .*\n)*)", fields, re.M)[1]


def complaints(meetings, known):
    """Yield what does not agree: a link, its grade, its minutes, a page not yet read, or a sum.

    Parameters
    ----------
    meetings : list of Meeting
    known : list of Exercise
    """
    by_label, read = {e.label: e for e in known}, {}
    for m in meetings:
        read.setdefault(m.plan, set()).update(m.read)
        where = f"{m.plan}, {m.title}"
        for stars, minutes, label in m.room + m.home:
            e = by_label.get(label)
            if e is None or (e.grade, e.minutes) != (len(stars), int(minutes)):
                yield f"{where}: {stars} {minutes} {label}, but {e and (e.grade, e.minutes)}"
            if e and e.page not in read[m.plan]:
                yield f"{where}: {label} is on the page {e.page}, which nobody has read"
        parts = [m.minutes.get(part, 0) for part in ("talk", "live", "exercises")]
        if sum(parts) != 90:
            yield f"{where}: {sum(parts)} minutes in the room"
        for links, stated in ((m.room, parts[2]), (m.home, m.minutes["home"])):
            total = sum(int(minutes) for _, minutes, _ in links)
            if total != stated:
                yield f"{where}: the exercises take {total} minutes, not {stated}"
