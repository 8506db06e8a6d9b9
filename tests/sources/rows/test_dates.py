"""Tests of dates as tools write them, and of what is no date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from popinjay.post import posted_at
from popinjay.sources.rows.dates import Order, OrderFinder, iso_time


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2021-09-25 12:33:11 JST", "2021-09-25T03:33:11Z"),
        ("2021-09-25 12:33:11 CEST", "2021-09-25T10:33:11Z"),
        ("Mon Apr 06 22:19:45 PDT 2009", "2009-04-07T05:19:45Z"),
        ("Sat Feb 18 12:33:11 +0000 2023", "2023-02-18T12:33:11Z"),
        ("Tue, 05 Jan 2021 10:00:00 GMT", "2021-01-05T10:00:00Z"),
        ("Mon, 6 Apr 2009 22:19:45 -0700 (PDT)", "2009-04-07T05:19:45Z"),
        (
            "Mon Apr 06 2020 22:19:45 GMT+0200 (Central European Summer Time)",
            "2020-04-06T20:19:45Z",
        ),
        ("Nov 6, 2018 · 11:26 AM UTC", "2018-11-06T11:26:00Z"),
        ("7:03 AM - 5 Jan 2021", "2021-01-05T07:03:00Z"),
        ("5:42 PM · Apr 25, 2023", "2023-04-25T17:42:00Z"),
        ("April 25, 2023 at 05:42PM", "2023-04-25T17:42:00Z"),
        ("12/1/2016 12:22:35 AM", "2016-12-01T00:22:35Z"),
        ("13.10.2017 20:15", "2017-10-13T20:15:00Z"),
        ("2020/3/4 5:06", "2020-03-04T05:06:00Z"),
        ("2023-02-18T12:33:11.123456789Z", "2023-02-18T12:33:11Z"),
        ("2023-02-18 12:33 +0100", "2023-02-18T11:33:00Z"),
        ("20230218", "2023-02-18T00:00:00Z"),
        ("1541503593", "2018-11-06T11:26:33Z"),
        (1541503593, "2018-11-06T11:26:33Z"),
        ("1541503593000", "2018-11-06T11:26:33Z"),
        ("1541503593000000", "2018-11-06T11:26:33Z"),
        ("1541503593000000000", "2018-11-06T11:26:33Z"),
    ],
)
def test_dates_in_formats_of_tools_are_read(written: object, meant: str) -> None:
    assert iso_time(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "2020",
        "31/2/2020",
        "2021-09-25 12:33:11 XQT",
        "25:61 1/1/2020",
        "13 PM 1/1/2020",
        "3.14159",
        "12345678",
        "1200000000000000000000",
    ],
)
def test_invalid_dates_are_none(written: str) -> None:
    assert iso_time(written) is None


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01",
        "0099-05-05",
        "1900-01-01",
        "1970-01-01T00:00:00Z",
        "9999-12-31",
        "0001-01-01T00:00:00+05:00",
    ],
)
def test_impossible_years_are_none(written: str) -> None:
    assert iso_time(written) is None


def test_tomorrow_is_accepted_and_next_year_is_not() -> None:
    now = datetime.now(UTC)
    assert posted_at(now + timedelta(days=1))
    assert posted_at(now + timedelta(days=300)) is None


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["1/2/2020", "13/2/2020"], Order.DAY_FIRST),
        (["1/2/2020", "1/13/2020"], Order.MONTH_FIRST),
        (["1/2/2020 1:00 pm"], Order.MONTH_FIRST),
        (["1/2/2020", "2020-13-01"], Order.UNKNOWN),
        (["13/2/2020", "1/13/2020"], Order.MIXED),
    ],
)
def test_the_order_of_numbers_is_inferred_from_all_dates(dates: list[str], order: Order) -> None:
    finder = OrderFinder()
    for date in dates:
        finder.add(date)
    assert finder.order is order


def test_dates_without_a_common_order_are_not_read() -> None:
    assert iso_time("1/2/2020", Order.MIXED) is None
    assert iso_time("1/2/2020", Order.DAY_FIRST) == "2020-02-01T00:00:00Z"
    assert iso_time("13/2/2020", Order.MONTH_FIRST) is None
