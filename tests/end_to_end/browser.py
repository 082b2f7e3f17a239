# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A headless Chromium, driven over the W3C WebDriver protocol by nothing but the standard library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-US",
)
REQUIRED = "TIKTOK_TESTS_NEED_BROWSER"
"""Set where a missing browser is a failure: in CI."""

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def require_browser() -> tuple[str, str]:
    """Where Chromium and its driver are; without them the test is skipped, in CI it fails."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium and driver:
        return chromium, driver
    told = "Chromium is missing: install Debian's packages chromium and chromium-driver."
    if os.environ.get(REQUIRED):
        pytest.fail(told)
    pytest.skip(told)


class WebDriverError(RuntimeError):
    """The browser did not do what it was asked."""


class Browser:
    """One window.

    :param profile: an empty folder.
    """

    def __init__(self, profile: Path) -> None:
        self._chromium, self._driver = require_browser()
        self._profile = profile

    def __enter__(self) -> Browser:
        port_file = self._profile / "driver.log"
        with port_file.open("wb") as log:
            self._process = subprocess.Popen(
                [self._driver, "--port=0"], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._url = f"http://127.0.0.1:{self._find_port(port_file)}/session"
            options = {
                "binary": self._chromium,
                "args": [*FLAGS, f"--user-data-dir={self._profile / 'profile'}"],
            }
            asked = {"browserName": "chrome", "goog:chromeOptions": options}
            asked["goog:loggingPrefs"] = {"browser": "ALL"}
            session = self._call("POST", "", {"capabilities": {"alwaysMatch": asked}})
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self._url += f"/{session['sessionId']}"
        # No person clicks into a window without a screen, and without the focus nothing in it has any.
        self._develop("Emulation.setFocusEmulationEnabled", {"enabled": True})
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._call("DELETE", "")
        finally:
            self._process.terminate()
            self._process.wait(10)

    def open(self, address: str) -> None:
        """Go there, and wait until it is loaded."""
        self._call("POST", "/url", {"url": address})

    def sign_in(self, url: str, token: str) -> None:
        """Be the user of this token in the Airflow at this address."""
        self.open(f"{url}/tiktok/static/icon.svg")
        self._call("DELETE", "/cookie")
        self._call("POST", "/cookie", {"cookie": {"name": "_token", "value": token, "path": "/"}})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str = ".tkd") -> str:
        """What stands in the first element of this selector; empty where there is none."""
        return str(self.run("return document.querySelector(arguments[0])?.innerText || ''", selector))

    def texts(self, selector: str) -> list[str]:
        """What stands in each element of this selector."""
        found = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector
        )
        return [str(text) for text in found]

    def until(self, condition: Callable[[], Any], *, what: str, timeout_s: float = 30) -> Any:
        """The condition's value, once it has a true one.

        :raises WebDriverError: it had none in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.05)
        raise WebDriverError(f"not within {timeout_s:.0f} s: {what}. Seen: {self.text('body')[:1500]}")

    def press(self, keys: str, *, selector: str) -> None:
        """Press keys in the first element of this selector, as a person with a keyboard does."""
        element = self._call("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]
        self._call("POST", f"/element/{element}/value", {"text": keys})

    def resize(self, width: int, height: int) -> None:
        """Give the page this size, a phone's as well: windows have a least width, views have none."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._develop("Emulation.setDeviceMetricsOverride", size)

    def _develop(self, command: str, parameters: dict[str, Any]) -> None:
        """Ask for something that only a browser's developer tools have."""
        self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def take_picture(self, path: Path) -> None:
        """What the window shows, as a PNG."""
        path.write_bytes(b64decode(self._call("GET", "/screenshot")))

    def errors(self) -> list[str]:
        """What the page's scripts complained of since the last call."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def _find_port(self, file: Path) -> int:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            _, mark, rest = file.read_text(errors="replace").partition("started successfully on port ")
            if mark and "." in rest:
                return int(rest.partition(".")[0])
            time.sleep(0.05)
        raise WebDriverError("chromedriver did not start")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self._url}{path}", method=method, data=data, headers=headers)
        try:
            with urlopen(request, timeout=60) as reply:
                return json.loads(reply.read())["value"]
        except HTTPError as error:
            with error:
                told = json.loads(error.read())["value"]
            raise WebDriverError(f"{told['error']}: {told['message'][:500]}") from None
