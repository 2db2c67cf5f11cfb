import json
import os
import shutil

import pytest

OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """A real Chromium, and what a person does with a page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address):
        self.driver.get("about:blank")
        self.driver.get(address)
        self.ready()

    def ready(self, hash_=None):
        """Wait until the view of the address is drawn."""
        self.until(
            "return document.getElementById('main')?.dataset.ready === (location.hash || '#/')"
        )

    def until(self, script, seconds=20):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.05).until(
            lambda driver: driver.execute_script(script)
        )

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def text(self):
        return self.script("return document.getElementById('main').innerText")

    def says(self, words):
        """Whether the page says something, now or soon: steps are drawn after the rest."""
        from selenium.common.exceptions import TimeoutException

        wanted = json.dumps(words)
        try:
            self.until(f"return document.getElementById('main').innerText.includes({wanted})")
        except TimeoutException:
            return False
        return True

    def keys(self, text):
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(text).perform()

    def errors(self):
        """What the console said since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def resize(self, width, height=900):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def colours(self, scheme):
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )


@pytest.fixture(scope="session")
def chromium():
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        text = "needs Debian's packages chromium and chromium-driver"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    yield made
    made.quit()


@pytest.fixture
def browser(chromium):
    shown = Browser(chromium)
    shown.resize(1440)
    shown.colours("light")
    shown.errors()
    return shown


@pytest.fixture(scope="session")
def axe():
    """The program of axe-core (npm)."""
    from pathlib import Path

    place = os.environ.get("REPOGYM_TEST_AXE", "")
    if not place:
        text = "needs REPOGYM_TEST_AXE, the file axe.min.js of the npm package axe-core"
        pytest.fail(text) if os.environ.get("CI") else pytest.skip(text)
    return Path(place).read_text()
