//! A real Chromium without a screen, driven by plain WebDriver (W3C) over HTTP.
//!
//! Debian's chromium and chromium-driver suffice. The browser runs in the sandbox of the test, so it reaches the
//! sandbox's loopback only. Its session is deleted before its driver ends: a driver that is killed leaves Chromium
//! running.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{eventually::eventually, webdriver::Connection};

const PORT: u16 = 9515;
const PATIENCE: Duration = Duration::from_secs(60);
const PROFILE: &str = "/run/sandbox/chromium";
/// axe-core, which finds what people with screen readers or weak eyes would stumble over.
const AXE: &str = include_str!("../vendor/axe.min.js");

/// Why a test with a browser cannot run here. `None` if it can.
#[must_use]
pub fn missing() -> Option<&'static str> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    (!has("chromium") || !has("chromedriver"))
        .then_some("chromium is not installed (Debian: chromium, chromium-driver)")
}

/// How a page is shown.
#[derive(Clone, Copy, Debug)]
pub struct Appearance {
    /// Width and height of the window in pixels.
    pub size: (u32, u32),
    /// Whether the system asks for dark colours.
    pub dark: bool,
    /// Whether the system asks for less motion.
    pub reduced_motion: bool,
}

impl Appearance {
    /// A desktop.
    pub const WIDE: Self = Self { size: (1440, 900), dark: false, reduced_motion: false };
    /// A telephone.
    pub const NARROW: Self = Self { size: (390, 844), dark: false, reduced_motion: false };
}

/// A browser with one window; closed when it is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    connection: Connection,
}

impl Browser {
    /// Starts a browser. Must be called in a sandbox.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(appearance: Appearance) -> Self {
        let _ = fs::remove_dir_all(PROFILE);
        fs::create_dir_all(PROFILE).expect("a tmpfs");
        let driver = Command::new("chromedriver")
            .arg(format!("--port={PORT}"))
            .env("HOME", PROFILE)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut browser = Self { driver, connection: Connection::new(PORT) };
        eventually("chromedriver", PATIENCE, || browser.connection.is_ready().then_some(()));
        browser.open_session(appearance.size);
        browser.appear(appearance);
        browser
    }

    fn open_session(&mut self, (width, height): (u32, u32)) {
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-first-run".to_owned(),
            format!("--user-data-dir={PROFILE}/profile"),
            format!("--window-size={width},{height}"),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = self.connection.post("", &capabilities);
        let session = answer["sessionId"].as_str().expect("a session").to_owned();
        self.connection.enter(&session);
        self.connection.post("timeouts", &json!({"script": 60_000, "pageLoad": 60_000}));
    }

    /// Changes size, colours and motion of the window.
    pub fn appear(&mut self, appearance: Appearance) {
        let (width, height) = appearance.size;
        let is_phone = width < 700;
        let device = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.devtools("Emulation.setDeviceMetricsOverride", &device);
        let scheme = if appearance.dark { "dark" } else { "light" };
        let motion = if appearance.reduced_motion { "reduce" } else { "no-preference" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Sends a command of the browser's own protocol.
    pub fn devtools(&mut self, command: &str, parameters: &Value) -> Value {
        self.connection.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&mut self, url: &str) {
        self.connection.post("url", &json!({"url": url}));
    }

    /// Runs the body of a function. Returns what it returns.
    ///
    /// # Panics
    ///
    /// If the script throws; the message has its words.
    pub fn run(&mut self, body: &str) -> Value {
        self.connection.post("execute/sync", &json!({"script": body, "args": []}))
    }

    /// Runs the body of an asynchronous function to its end. Returns what it returns.
    ///
    /// # Panics
    ///
    /// If the script throws; the message has its words.
    pub fn run_async(&mut self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then((value) => done({{ value }}), (e) => done({{ error: String(e.stack ?? e) }}));"
        );
        let outcome = self.connection.post("execute/async", &json!({"script": script, "args": []}));
        assert!(outcome["error"].is_null(), "{}", outcome["error"].as_str().unwrap_or_default());
        outcome["value"].clone()
    }

    /// Returns the text of the first element that a selector finds. Returns `None` if there is none, or it is hidden.
    pub fn text(&mut self, selector: &str) -> Option<String> {
        let body = format!(
            "const element = document.querySelector({});
             return element && element.getClientRects().length > 0 ? element.textContent : null;",
            json!(selector)
        );
        self.run(&body).as_str().map(str::to_owned)
    }

    /// Waits until a script returns something that is true, and returns that.
    ///
    /// # Panics
    ///
    /// If that does not happen; `what` names what the test waited for.
    pub fn eventually(&mut self, what: &str, body: &str) -> Value {
        let is_true = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        eventually(what, PATIENCE, || Some(self.run(body)).filter(is_true))
    }

    /// Clicks the first element that a selector finds.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn click(&mut self, selector: &str) {
        let found = self.connection.post("element", &json!({"using": "css selector", "value": selector}));
        let id =
            found.as_object().and_then(|of| of.values().next()?.as_str()).expect("an element").to_owned();
        self.connection.post(&format!("element/{id}/click"), &json!({}));
    }

    /// Presses keys in turn, as a keyboard does: a character each, or one of WebDriver's code points for the others.
    pub fn press(&mut self, keys: &str) {
        let strokes: Vec<_> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.connection.post("actions", &actions);
    }

    /// Writes a picture of the window as PNG.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub fn screenshot(&mut self, file: &Path) {
        let encoded = self.connection.get("screenshot");
        let picture = crate::base64::decode(encoded.as_str().expect("base64")).expect("base64");
        fs::write(file, picture).expect("a writable file");
    }

    /// Returns and forgets what the browser's console has, without what the browser says of its own pages.
    pub fn console(&mut self) -> Vec<String> {
        let entries = self.connection.post("se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().cloned().unwrap_or_default();
        let messages = entries.iter().map(|entry| entry["message"].as_str().unwrap_or("?").to_owned());
        messages.filter(|message| !message.starts_with("chrome://")).collect()
    }

    /// Returns what axe-core finds on the page: the rule, how bad it is, and the elements.
    pub fn accessibility(&mut self) -> Vec<String> {
        // Not by a script element, which the page's policy would refuse.
        self.run(AXE);
        let found = self.run_async(
            "const { violations } = await axe.run(document, { resultTypes: ['violations'] });
             return violations.map(({ id, impact, help, nodes }) =>
                 `${impact} ${id}: ${help}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);",
        );
        found.as_array().into_iter().flatten().map(|one| one.as_str().unwrap_or("?").to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.connection.leave();
        // It may have ended already.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
