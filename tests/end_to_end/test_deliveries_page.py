# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page "TikTok deliveries" in a real browser on a whole Airflow, with three users of different rights."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest

from tests.end_to_end.browser import Browser, require_browser
from tests.end_to_end.some_dags import SECRET_DAG, STRANGER, VISITOR
from tests.end_to_end.stack import USER, Stack

AIRFLOW = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
HAS_REACT = AIRFLOW >= (3, 2)
pytestmark = pytest.mark.skipif(AIRFLOW < (3, 1), reason="the page is of Airflow 3.1 and later")

PICTURES = os.environ.get("TIKTOK_TESTS_PICTURES")
"""Folder that pictures of the page are written to."""

SOURCE_ID = "C0000000000000000001"
MARKUP = "<img src=x onerror=document.title='taken'>"
TAB, ENTER = "\ue004", "\ue007"

PLUGIN = "from airflow_provider_tiktok.plugins.tiktok import TikTokDeliveriesPlugin  # noqa: F401\n"
"""Where the package's metadata is older than its entry point, a file in Airflow's folder does the same."""

UPLOADING = """
import time
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_tiktok.operators.tiktok import TikTokSendEventsOperator
from airflow_provider_tiktok.sensors.tiktok import TikTokEventsReceivedSensor

with DAG("{dag_id}", schedule=None) as dag:
    TikTokSendEventsOperator(
        task_id="upload",
        demo_mode=True,
        tiktok_conn_id="none",
        event_source="offline",
        max_rejected=1,
        events=[
            {{"event": "Purchase", "event_time": int(time.time()), "event_id": "1", "email": "a@example.com"}},
            {{"event": "Purchase", "event_time": int(time.time()), "event_id": "2", "email": "b@example.com", "value": "x"}},
        ],
    )
"""

AFTER = """
from airflow.sdk import DAG, Asset, task

@task
def look(triggering_asset_events=None):
    return [event.extra["accepted"] for events in triggering_asset_events.values() for event in events]

with DAG("after_upload", schedule=[Asset("tiktok://offline/7000000000000000021")]) as dag:
    look()
"""


def receipt(day: int, **changes: Any) -> dict[str, Any]:
    """A receipt as an upload leaves it, a little different every day."""
    accepted, rejected = 900 + 37 * (day % 7), 12 * (day % 3)
    undelivered = 400 if day == 5 else 0
    told = {
        "schema": "tiktok-receipt/1",
        "destination": "TikTok",
        "event_source": "web",
        "event_source_id": SOURCE_ID,
        "read": accepted + rejected + undelivered + 25,
        "accepted": accepted,
        "rejected": rejected,
        "skipped": 20,
        "unconfirmed": 5,
        "undelivered": undelivered,
        "stopped_by": "TransientError" if undelivered else None,
        "violations": [
            {
                "rule": "properties.value: not_a_number",
                "count": rejected,
                "rows": [3],
                "remedy": "Give a plain number such as 12.50: no currency sign, no thousands separator.",
            }
        ]
        if rejected
        else [],
        "eligible": accepted,
        "match_keys": {
            "email": accepted - 20 * (day % 5),
            "phone": accepted // 2,
            "ttclid": accepted // 3 + day,
        },
        "requests": 2,
        "retries": 0,
        "seconds": 1.4,
        "dead_letters": rejected + undelivered,
        "dead_letter_path": "/data/dead_letters/shop/day/upload.jsonl" if rejected + undelivered else None,
    }
    return {**told, **changes}


def counted(day: int) -> dict[str, Any]:
    """What a sensor leaves of the events of one day."""
    name = (datetime.now(UTC) - timedelta(days=day)).date().isoformat()
    return {
        "pixel_code": SOURCE_ID,
        "first_day": name,
        "last_day": name,
        "server_events": 880 + 40 * (day % 6),
    }


SERVICE = """
from airflow_provider_tiktok.service.events_api import make_events_api_dag

dag = make_events_api_dag()
"""


class History:
    """Writes deliveries of former days, which no test can wait for, into Airflow's database."""

    def __init__(self, home: Path) -> None:
        self._file = home / "airflow.db"
        self._runs = 10_000

    def add(self, *rows: tuple[str, int, str, Any], asset: str | None = None) -> None:
        """Values in XCom; of an asset, its events.

        :param rows: DAG, days ago, key and value of each.
        """
        with closing(sqlite3.connect(self._file, timeout=30)) as database, database:
            for dag_id, days_ago, key, value in rows:
                self._runs += 1
                at = datetime.now(UTC) - timedelta(days=days_ago, minutes=self._runs % 50)
                known = (dag_id, f"scheduled__{at:%Y-%m-%d}", "upload", f"{at:%Y-%m-%d %H:%M:%S.%f}")
                if asset is None:
                    database.execute(
                        "INSERT INTO xcom (dag_id, run_id, task_id, timestamp, map_index, key, value, dag_run_id)"
                        " VALUES (?, ?, ?, ?, -1, ?, ?, ?)",
                        (*known, key, json.dumps(value), self._runs),
                    )
                else:
                    database.execute(
                        "INSERT INTO asset_event (source_dag_id, source_run_id, source_task_id, timestamp,"
                        " source_map_index, extra, asset_id) VALUES (?, ?, ?, ?, -1, ?,"
                        " (SELECT id FROM asset WHERE uri = ?))",
                        (*known, json.dumps(value), asset),
                    )


class Page:
    """The page as one user has it."""

    def __init__(self, browser: Browser, stack: Stack, tokens: dict[str, str]) -> None:
        self.browser, self._stack, self._tokens = browser, stack, tokens

    def open(self, user: str, *, state: str = "", **filters: str) -> Browser:
        """The page, once it shows deliveries or the state that is expected."""
        if not HAS_REACT:
            pytest.skip("the React page is of Airflow 3.2 and later")
        self.sign_in(user)
        query = f"?{urlencode(filters)}" if filters else ""
        self.browser.open(f"{self._stack.url}/plugin/tiktok-deliveries{query}")
        wanted = f".tkd [data-state={state}]" if state else ".tkd tr.row"
        self.browser.until(lambda: self.browser.text(wanted), what=wanted, timeout_s=60)
        return self.browser

    def sign_in(self, user: str) -> None:
        """The browser is this user's from now on."""
        self.browser.sign_in(self._stack.url, self._tokens[user])

    def figures(self) -> dict[str, int]:
        """The large figures by name."""
        names = ("deliveries", "accepted", "rejected", "skipped", "unconfirmed", "undelivered")
        return {
            name: int(self.browser.text(f"[data-figure={name}] b").replace(",", "") or -1) for name in names
        }

    def take_picture(self, name: str) -> None:
        """Keep what is shown, where somebody asked for pictures."""
        if PICTURES:
            self.browser.take_picture(Path(PICTURES) / f"deliveries_{name}.png")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An Airflow with the page, in which two DAGs have uploaded in earnest and one for a month in the book."""
    require_browser()
    home = tmp_path_factory.mktemp("page")
    environment = {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.end_to_end.some_dags.SomeDagsAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{VISITOR}:viewer,{STRANGER}:viewer",
    }
    if not any(found.name == "tiktok_deliveries" for found in entry_points(group="airflow.plugins")):
        (home / "plugins").mkdir()
        (home / "plugins" / "page.py").write_text(PLUGIN)
    with Stack(home, environment=environment) as running:
        running.add_dag(AFTER, dag_id="after_upload")
        running.add_dag(SERVICE, dag_id="tiktok_events_api")
        for dag_id in ("shop", SECRET_DAG):
            running.add_dag(UPLOADING.format(dag_id=dag_id), dag_id=dag_id)
            _, last = running.run(dag_id)
            assert last["state"] == "success"
        history = History(home)
        history.add(*(("shop", day, "receipt", receipt(day)) for day in range(1, 29)))
        history.add(*(("shop", day, "tiktok_counted", counted(day)) for day in range(1, 15)))
        history.add(
            (SECRET_DAG, 2, "receipt", receipt(2)),
            ("shop", 3, "receipt", {"status": "somebody else's receipt"}),
            ("shop", 3, "receipt", receipt(3, accepted="many")),
            ("shop", 40, "receipt", receipt(40)),
        )
        history.add(
            (
                "after_upload",
                2,
                "",
                receipt(2, destination=MARKUP, violations=[{"rule": MARKUP, "count": 1, "remedy": MARKUP}]),
            ),
            asset="tiktok://offline/7000000000000000021",
        )
        yield running


@pytest.fixture(scope="module")
def tokens(stack: Stack) -> dict[str, str]:
    """A token of each user."""
    passwords = json.loads((stack.home / "passwords.json").read_text())
    return {
        user: stack.call("POST", "/auth/token", {"username": user, "password": passwords[user]})[
            "access_token"
        ]
        for user in (USER, VISITOR, STRANGER)
    }


@pytest.fixture(scope="module")
def browser(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests."""
    folder = tmp_path_factory.mktemp("browser")
    with Browser(folder) as running:
        running.resize(1280, 900)
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def page(browser: Browser, stack: Stack, tokens: dict[str, str]) -> Page:
    """The page, in a window of usual size."""
    browser.resize(1280, 900)
    return Page(browser, stack, tokens)


def answer(
    stack: Stack, path: str, token: str | None = None, *, cookie: str | None = None
) -> tuple[int, str, Any]:
    """Status, text and headers of an answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if cookie:
        headers["Cookie"] = f"_token={cookie}"
    try:
        with urlopen(Request(stack.url + path, headers=headers), timeout=60) as reply:
            return reply.status, reply.read().decode(), reply.headers
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def test_an_upload_starts_the_dag_that_waits_for_it(stack: Stack):
    """A DAG that is scheduled on the asset runs after a real upload, and reads its counts."""

    def find() -> list[dict[str, Any]]:
        runs = stack.call("GET", "/api/v2/dags/after_upload/dagRuns")["dag_runs"]
        return [run for run in runs if run["state"] == "success"]

    (run, *_) = stack.until(find, what="the DAG on the asset ran", timeout_s=60)
    assert run["run_type"] == "asset_triggered"
    assert 1 in stack.xcom("after_upload", run["dag_run_id"], "look")


def test_the_menu_leads_to_the_page(page: Page, stack: Stack, tokens: dict[str, str]):
    """Airflow lists the page under Browse."""
    plugins = stack.call("GET", "/api/v2/plugins")["plugins"]
    (plugin,) = (plugin for plugin in plugins if plugin["name"] == "tiktok_deliveries")
    (entry,) = plugin["react_apps" if HAS_REACT else "external_views"]
    assert (entry["name"], entry["destination"], entry["category"]) == ("TikTok deliveries", "nav", "browse")
    assert answer(stack, entry["icon"])[0] == 200


def test_deliveries_are_shown_newest_first(page: Page):
    """The upload of a moment ago stands above those of former days, with figures over all of them."""
    browser = page.open(USER)
    rows = browser.texts(".tkd tr.row")
    assert "shop.upload" in rows[0] or f"{SECRET_DAG}.upload" in rows[0]
    assert len(rows) == 2 + 28 + 1 + 1
    days = [row.split()[0] for row in rows]
    assert days == sorted(days, reverse=True)
    assert page.figures()["deliveries"] == len(rows)
    assert page.figures()["undelivered"] == 400
    assert browser.texts("[data-chart] h2") == [
        "Events a day, by outcome",
        "Match-key coverage",
        "Accepted, and counted by TikTok",
    ]
    assert browser.run("return document.querySelectorAll('[data-chart] svg').length") == 3
    assert browser.run(
        "return document.querySelectorAll('[data-chart=\"Accepted, and counted by TikTok\"] rect').length"
    )
    assert browser.errors() == []
    page.open(USER, dag_id="shop")
    page.take_picture("light")


def test_a_remedy_stands_beside_its_reason(page: Page):
    """Why events were rejected, what to do, which letters there are, and how to get to run and task."""
    browser = page.open(USER, dag_id="shop", outcome="undelivered")
    (row,) = browser.texts(".tkd tr.row")
    assert "Stopped by a fault that may pass by itself" in row
    assert "Give a plain number such as 12.50" in row
    browser.press(ENTER, selector=".tkd tr.row button")
    details = browser.until(lambda: browser.text(".tkd tr.more"), what="details")
    assert "/data/dead_letters/shop/day/upload.jsonl" in details
    assert "email" in details
    links = browser.run(
        "return [...document.querySelectorAll('.tkd td a')].map((a) => new URL(a.href).pathname)"
    )
    assert all(link.startswith("/dags/shop/runs/scheduled__") for link in links)
    assert links[0].endswith("/tasks/upload")
    page.take_picture("details")


def test_a_link_leads_to_the_task(page: Page):
    """Within Airflow, without loading it anew."""
    browser = page.open(USER, dag_id="shop", days="1")
    browser.run("document.querySelector('.tkd tr.row a').click()")
    browser.until(
        lambda: browser.run("return location.pathname.startsWith('/dags/shop/runs/')"), what="the task's page"
    )


def test_a_user_sees_only_what_airflow_shows_them(page: Page, stack: Stack, tokens: dict[str, str]):
    """Nothing of a DAG that is not theirs: no row, no count, no choice, and none by address."""
    browser = page.open(VISITOR)
    assert SECRET_DAG not in browser.run("return document.documentElement.innerHTML")
    assert page.figures()["deliveries"] == 30
    status, text, headers = answer(stack, "/tiktok/deliveries.json?days=60", tokens[VISITOR])
    assert status == 200
    assert SECRET_DAG not in text
    assert headers["Cache-Control"] == "no-store"
    assert answer(stack, f"/tiktok/deliveries.json?dag_id={SECRET_DAG}", tokens[VISITOR])[0] == 403
    assert answer(stack, f"/tiktok/deliveries?dag_id={SECRET_DAG}", tokens[VISITOR])[0] == 403
    assert SECRET_DAG in answer(stack, "/tiktok/deliveries.json", tokens[USER])[1]


def test_nothing_is_told_without_a_session(stack: Stack, tokens: dict[str, str]):
    """No token, a wrong one, one of somebody without rights: each is refused, and no figure leaves."""
    for path in ("/tiktok/deliveries.json", "/tiktok/deliveries"):
        for status, token in ((401, None), (403, "garbage"), (403, tokens[STRANGER])):
            found, text, _ = answer(stack, path, token)
            assert found == status
            assert "shop" not in text
        assert answer(stack, path, cookie=tokens[VISITOR])[0] == 200
    for path in (
        "/tiktok/static/../page.py",
        "/tiktok/static/%2e%2e/page.py",
        "/tiktok/docs",
        "/tiktok/openapi.json",
    ):
        assert answer(stack, path)[0] in (401, 404)


def test_the_plain_page_says_why_it_shows_nothing(stack: Stack, tokens: dict[str, str]):
    """Signed out, without rights, with filters that cannot be read: each is a page with what to do."""
    told = {
        "Sign in again": answer(stack, "/tiktok/deliveries"),
        "Ask your administrator for both": answer(stack, "/tiktok/deliveries", tokens[STRANGER]),
        "Open the page without them": answer(stack, "/tiktok/deliveries?days=x", tokens[USER]),
    }
    for what, (status, text, headers) in told.items():
        assert status in (401, 403, 422)
        assert what in text
        assert headers["Content-Type"].startswith("text/html")
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["days=0", "days=x", "limit=100000", "offset=-1", f"dag_id={'x' * 400}"])
def test_odd_questions_are_refused(stack: Stack, tokens: dict[str, str], query: str):
    """With a status of their own, not with an error of the server."""
    assert answer(stack, f"/tiktok/deliveries.json?{query}", tokens[USER])[0] == 422


def test_filters_stay_in_the_address(page: Page):
    """A filter changes rows, figures and address, so that the view can be sent to somebody."""
    browser = page.open(USER)
    browser.run(
        """const choice = document.querySelector('[data-filter="Days"]');
        Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(choice, '7');
        choice.dispatchEvent(new Event('change', {bubbles: true}))"""
    )
    browser.until(lambda: page.figures()["deliveries"] < 15, what="fewer deliveries")
    assert browser.run("return location.search") == "?days=7"
    browser = page.open(USER, destination=f"TikTok web {SOURCE_ID}", days="365")
    assert page.figures()["deliveries"] == 30
    assert "(demo)" not in "".join(browser.texts(".tkd tr.row"))


def test_history_outlives_a_cleared_task(page: Page, stack: Stack):
    """Airflow drops a cleared task's XCom; what its upload left as an asset event is shown all the same."""
    runs = stack.call("GET", "/api/v2/dags/shop/dagRuns")["dag_runs"]
    run_id = next(run["dag_run_id"] for run in runs if run["run_type"] == "manual")
    stack.call(
        "POST",
        "/api/v2/dags/shop/clearTaskInstances",
        {"dry_run": False, "dag_run_id": run_id, "only_failed": False},
    )
    stack.until(
        lambda: (
            stack.task("shop", run_id, "upload")["try_number"] > 1
            and stack.state("shop", run_id) == "success"
        ),
        what="the task ran again",
        timeout_s=60,
    )
    browser = page.open(USER, dag_id="shop", days="1")
    rows = browser.texts(".tkd tr.row")
    assert [("former try" in row) for row in rows] == [False, True]


def test_what_was_read_is_never_markup(page: Page):
    """Whoever may write XCom may write tags: they are shown as text."""
    browser = page.open(USER, dag_id="after_upload", days="7")
    assert MARKUP in browser.text()
    assert browser.run("return document.querySelectorAll('.tkd img').length") == 0
    assert browser.run("return document.title") != "taken"
    browser.open(f"{page._stack.url}/tiktok/deliveries?days=7")
    assert MARKUP in browser.text("body")
    assert browser.run("return document.querySelectorAll('img').length") == 0


def test_the_page_is_used_by_keyboard(page: Page):
    """Every control is reached by Tab, says what it is, and shows that it has the focus."""
    browser = page.open(USER, dag_id="shop", days="7")
    browser.run("document.querySelector('.tkd select').focus()")
    seen = []
    for _ in range(9):
        seen.append(
            browser.run(
                """const e = document.activeElement;
                const name = e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText;
                return [e.tagName, name.split('\\n')[0], getComputedStyle(e).outlineStyle]"""
            )
        )
        browser.press(TAB, selector=":focus")
    assert [name for _, name, _ in seen[:5]] == ["DAG", "Destination", "Outcome", "Days", "Refresh"]
    assert {tag for tag, *_ in seen[5:]} == {"A", "BUTTON"}
    assert all(name for _, name, _ in seen)
    assert all(outline != "none" for *_, outline in seen[1:])


def test_the_dark_theme_is_followed(page: Page):
    """Airflow's own choice decides, and text stays readable."""
    browser = page.open(USER)
    browser.run("localStorage.setItem('theme', 'dark')")
    try:
        page.open(USER, dag_id="shop")
        assert browser.run("return document.documentElement.classList.contains('dark')")
        contrast = browser.run(
            """const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => { v /= 255;
                 return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
                 return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            const page = getComputedStyle(document.querySelector('.tkd'));
            return [...document.querySelectorAll('.tkd h1, .tkd td, .tkd .mut, .tkd a, .tkd button')].map((e) => {
                 const [a, b] = [light(getComputedStyle(e).color), light(page.backgroundColor)].sort((x, y) => y - x);
                 return (a + 0.05) / (b + 0.05); })"""
        )
        assert min(contrast) >= 4.5
        page.take_picture("dark")
    finally:
        browser.run("localStorage.removeItem('theme')")


def test_the_page_fits_a_phone(page: Page):
    """Nothing is wider than the screen; a row is a card."""
    page.browser.resize(390, 844)
    browser = page.open(USER)
    assert browser.run(
        "return document.querySelector('.tkd').scrollWidth <= document.querySelector('.tkd').clientWidth"
    )
    assert browser.run("return getComputedStyle(document.querySelector('.tkd tr.row')).display") == "block"
    page.take_picture("phone")


def test_an_empty_page_says_why(page: Page):
    """Nothing yet, or nothing with these filters."""
    browser = page.open(USER, state="empty", dag_id="after_upload", days="1")
    assert "No delivery matches these filters." in browser.text()
    browser = page.open(VISITOR, state="empty", outcome="undelivered", days="1")
    assert "Choose other filters" in browser.text()


def test_a_forbidden_page_says_what_to_ask_for(page: Page):
    """Whoever may read no DAG is told so, and by whom it can be changed."""
    browser = page.open(STRANGER, state="forbidden")
    assert "Ask your administrator" in browser.text()


def test_a_page_that_fails_can_be_tried_again(page: Page):
    """While it loads it says so; when the server does not answer it offers another try."""
    browser = page.open(USER)
    browser.run("window.kept = window.fetch; window.fetch = () => new Promise(() => {})")
    browser.run(
        "[...document.querySelectorAll('.tkd button')].find((b) => b.innerText === 'Refresh').click()"
    )
    browser.until(
        lambda: browser.run("return document.querySelector('.tkd').getAttribute('aria-busy')") == "true",
        what="loading",
    )
    browser.run("window.fetch = () => Promise.reject(new TypeError('no network'))")
    browser.run(
        "[...document.querySelectorAll('.tkd button')].find((b) => b.innerText === 'Refresh').click()"
    )
    browser.until(lambda: "cannot be loaded" in browser.text(), what="the error is shown")
    browser.run("window.fetch = window.kept")
    browser.run(
        "[...document.querySelectorAll('.tkd button')].find((b) => b.innerText === 'Try again').click()"
    )
    browser.until(lambda: browser.texts(".tkd tr.row"), what="deliveries are back")


def test_the_plain_page_has_the_same_deliveries(page: Page, stack: Stack):
    """The page of Airflow 3.1, of which nothing waits for a script."""
    page.sign_in(USER)
    page.browser.open(f"{stack.url}/tiktok/deliveries?days=30&dag_id=shop")
    text = page.browser.text("body")
    assert "shop.upload" in text
    assert "Give a plain number such as 12.50" in text
    sources = page.browser.run("return [...document.scripts].map((script) => script.src)")
    assert sources == [f"{stack.url}/tiktok/static/plain.js"]
    page.take_picture("plain")
    for width in (1280, 390):
        page.browser.resize(width, 844)
        sides = page.browser.run(
            "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
        )
        assert sides[0] <= sides[1]


@pytest.mark.skipif(HAS_REACT, reason="Airflow 3.2 and later have the React page in its place")
def test_the_plain_page_stands_in_airflow(page: Page, stack: Stack):
    """Airflow 3.1 shows it in a frame: filters work in it, the theme is Airflow's, links lead out of it."""
    browser = page.browser
    page.sign_in(USER)

    def in_frame(script: str) -> Any:
        return browser.run(f"const page = document.querySelector('iframe')?.contentDocument; {script}")

    def text() -> str:
        return str(in_frame("return page?.body?.innerText || ''"))

    browser.open(f"{stack.url}/plugin/tiktok-deliveries")
    browser.until(lambda: f"{SECRET_DAG}.upload" in text(), what="deliveries of both DAGs", timeout_s=60)
    in_frame("page.querySelector('[name=dag_id]').value = 'shop'; page.querySelector('button').click()")
    browser.until(
        lambda: "shop.upload" in text() and SECRET_DAG not in text().split("Older")[0].partition("Show")[2],
        what="deliveries of one DAG",
    )
    for theme in ("dark", "light"):
        browser.run("document.documentElement.className = arguments[0]", theme)
        browser.until(
            lambda theme=theme: in_frame("return page.documentElement.style.colorScheme") == theme, what=theme
        )
        page.take_picture(f"plain_{theme}")
    in_frame("page.querySelector('tbody a').click()")
    browser.until(
        lambda: browser.run("return location.pathname").startswith("/dags/shop/runs/"), what="the task"
    )
    assert in_frame("return page === undefined")


@pytest.mark.skipif(AIRFLOW < (3, 3), reason="the form of Airflow 3.3, whose picture is in the README")
def test_the_form_of_the_service_asks_first_for_what_every_run_needs(page: Page, stack: Stack):
    """Task, demo mode and pixel are in sight, with words that say where to find them; no token is asked for."""
    browser = page.browser
    browser.resize(1280, 1200)
    page.sign_in(USER)
    browser.open(f"{stack.url}/dags/tiktok_events_api")
    find = "return [...document.querySelectorAll('button')].find((b) => b.innerText.trim() === 'Trigger')"
    browser.until(lambda: browser.run(find), what="the button")
    browser.run(f"({find.replace('return ', '')}).click()")
    told = browser.until(
        lambda: (
            shown if "Not taken here" in (shown := browser.text("body").partition("Trigger Dag")[2]) else ""
        ),
        what="the form is open",
    )
    places = [told.index(name) for name in ("Task", "Demo Mode", "Pixel Code", "The event", "Not taken here")]
    assert places == sorted(places)
    assert "Events Manager shows it below the pixel's name" in told
    assert "Access Token" not in told
    page.take_picture("form")


def test_the_address_of_a_run_is_escaped(stack: Stack, tokens: dict[str, str]):
    """A run's id may hold slashes and signs; the link leads to it all the same."""
    from airflow_provider_tiktok.plugins.plain import task_address

    run_id = "manual__2026-11-27T00:00:00+00:00/a b"
    delivery = {"dag_id": "shop", "run_id": run_id, "task_id": "upload", "map_index": 3}
    address = task_address(delivery, "/airflow")
    assert address == f"/airflow/dags/shop/runs/{quote(run_id, safe='')}/tasks/upload/mapped/3"
