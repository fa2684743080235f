"""When do bells ring, by croniter, dateutil and zoneinfo alone?

Reads a case a line, fields parted by tabs, and answers each with a line of numbers:

    cron  ZONE FROM TO EXPRESSION         the seconds since 1970 at which it rings
    days  ZONE FROM TO WEEKDAYS TIMES     as cron; weekdays from Monday 0, times as HH:MM:SS
    once  ZONE FROM TO DATE TIMES         as cron
    rrule START FROM TO RULE              the days since 1970 on which it starts, and before them
                                          1 if START is one of them

FROM (included) and TO (left out) are days as 2027-03-01.
"""

import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import croniter
from dateutil.rrule import DAILY, rrule, rrulestr

UTC = timezone.utc
DAY = timedelta(days=1)


def instants(wall, zone, every_hour):
    """The seconds since 1970 of a time on the wall."""
    folds = (0, 1) if every_hour else (0,)
    for fold in folds:
        at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        # A time that the clocks jump over comes back as another one.
        if not every_hour or at.astimezone(zone).replace(tzinfo=None) == wall:
            yield int(at.timestamp())


def walls_of_cron(expression, first, last):
    walls = croniter(expression, first - timedelta(seconds=1), ret_type=datetime)
    while (wall := walls.get_next()) < last:
        yield wall


def walls_of_days(weekdays, times, first, last):
    weekdays = [int(day) for day in weekdays.split(",")]
    for day in rrule(DAILY, dtstart=first, until=last, byweekday=weekdays):
        for text in times.split(","):
            yield datetime.combine(day, time.fromisoformat(text))


def rings(kind, zone, first, last, *rule):
    first, last = datetime.fromisoformat(first), datetime.fromisoformat(last)
    zone = ZoneInfo(zone)
    # A day more on either side, since a jump of the clocks may move a bell to the next day.
    span = (first - DAY, last + DAY)
    if kind == "cron":
        walls = walls_of_cron(rule[0], *span)
        every_hour = rule[0].split()[1] == "*"
    elif kind == "days":
        walls, every_hour = walls_of_days(*rule, *span), False
    else:
        day = date.fromisoformat(rule[0])
        times = map(time.fromisoformat, rule[1].split(","))
        walls, every_hour = [datetime.combine(day, time) for time in times], False
    begin, end = (int(at.replace(tzinfo=UTC).timestamp()) for at in (first, last))
    found = {at for wall in walls for at in instants(wall, zone, every_hour)}
    return sorted(at for at in found if begin <= at < end)


def starts(start, first, last, rule):
    start, first, last = map(datetime.fromisoformat, (start, first, last))
    rule = rrulestr(rule, dtstart=start)
    days = rule.between(first, last - DAY, inc=True)
    is_one = next(iter(rule), None) == start
    return [int(is_one)] + [day.toordinal() - date(1970, 1, 1).toordinal() for day in days]


for line in sys.stdin:
    kind, *fields = line.rstrip("\n").split("\t")
    answer = starts(*fields) if kind == "rrule" else rings(kind, *fields)
    print(*answer)
