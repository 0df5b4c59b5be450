//! A headless Chromium, driven by WebDriver: a session of its own with an empty profile.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder,
    elements::Element,
    wd::{Capabilities, WebDriverCompatibleCommand, WindowHandle},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    net::wait,
    process::{self, Process},
    skipped,
};

/// Flags that are known to work in a container, and keep the browser from talking to anybody.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,900",
];
/// How long chromedriver may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long an asynchronous script may take, in milliseconds: a measurement over a large layer.
const SCRIPT_LIMIT_MS: u64 = 300_000;
/// How long a condition may take to come true unless a test says otherwise. Long, because the
/// machines that run tests are small and busy; nothing waits longer than it must.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs in every document before its own scripts: writes down what no log tells.
const WITNESS: &str = r"
    globalThis.__witness = { violations: [], errors: [], longTasks: [] };
    addEventListener('securitypolicyviolation', (event) =>
        __witness.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    addEventListener('error', (event) => __witness.errors.push(String(event.message)));
    addEventListener('unhandledrejection', (event) => __witness.errors.push(`unhandled: ${event.reason}`));
    try {
        new PerformanceObserver((list) => {
            for (const task of list.getEntries())
                __witness.longTasks.push([task.startTime, task.duration]);
        }).observe({ type: 'longtask', buffered: true });
    } catch (error) { __witness.errors.push(`no longtask observer: ${error}`); }
";

/// How the driver says that its port is somebody else's.
const PORT_TAKEN: &str = "Address already in use";
/// How often the driver is started before that counts as a failure.
const DRIVER_TRIES: u32 = 5;

/// How a browser differs from a fresh one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Sites may store nothing: cookies, localStorage, IndexedDB and OPFS are refused, in pages
    /// and in workers.
    pub storage_blocked: bool,
    /// Width and height of the window in CSS pixels.
    pub window: Option<(u32, u32)>,
}

/// A browser with one window; closed on drop.
pub struct Browser {
    client: Option<Client>,
    downloads: TempDir,
    // After the client: the session ends before its driver.
    _driver: Process,
    _profile: TempDir,
}

/// A command of Chromium's driver that WebDriver itself has not.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// Starts the driver; gives its port too. It takes a free port of IPv4 and then wants the same one of
/// IPv6, which another connection of this machine may have: it ends then, and takes another.
fn start_driver(driver: &Path, dir: &Path) -> io::Result<(Process, u16)> {
    let mut tries = 1;
    loop {
        let mut command = process::guarded(driver);
        command.arg("--port=0");
        let mut process = Process::start(command, dir, "chromedriver")?;
        let port = process.wait_for(START_LIMIT, |line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        });
        match port {
            Ok(port) => return Ok((process, port)),
            Err(error) if tries < DRIVER_TRIES && error.to_string().contains(PORT_TAKEN) => {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

impl Browser {
    /// A fresh browser; none, after a line that says why, where there is none to be had.
    pub fn start() -> Option<Self> {
        Self::with(&Options::default())
    }

    /// The same with options.
    pub fn with(options: &Options) -> Option<Self> {
        let driver = program("CHROMEDRIVER", &["chromedriver"]);
        let chromium = program(
            "CHROMIUM",
            &["chromium", "chromium-browser", "google-chrome"],
        );
        match (driver, chromium) {
            // Both are here: what fails from now on is a failure.
            (Some(driver), Some(chromium)) => Some(
                wait(Self::launch(&driver, &chromium, options))
                    .expect("Chromium starts under its driver"),
            ),
            (None, _) => {
                skipped(
                    "the browser",
                    "no chromedriver: set CHROMEDRIVER, or apt-get install chromium-driver",
                );
                None
            }
            (_, None) => {
                skipped(
                    "the browser",
                    "no Chromium: set CHROMIUM, or apt-get install chromium",
                );
                None
            }
        }
    }

    async fn launch(
        driver: &Path,
        chromium: &Path,
        options: &Options,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let profile = tempfile::Builder::new()
            .prefix("layerscope-browser-")
            .tempdir()?;
        let downloads = tempfile::Builder::new()
            .prefix("layerscope-downloads-")
            .tempdir()?;
        let (driver, port) = start_driver(driver, profile.path())?;
        let mut args: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        args.push(format!(
            "--user-data-dir={}",
            profile.path().join("profile").display()
        ));
        if let Some((width, height)) = options.window {
            args.push(format!("--window-size={width},{height}"));
        }
        let blocked = if options.storage_blocked { 2 } else { 1 };
        let mut capabilities = Capabilities::new();
        capabilities.insert("browserName".into(), "chrome".into());
        capabilities.insert("timeouts".into(), json!({"script": SCRIPT_LIMIT_MS}));
        capabilities.insert("goog:loggingPrefs".into(), json!({"browser": "ALL"}));
        capabilities.insert(
            "goog:chromeOptions".into(),
            json!({
                "binary": chromium, "args": args,
                "prefs": {"profile.default_content_setting_values.cookies": blocked},
            }),
        );
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await?;
        let browser = Self {
            client: Some(client),
            downloads,
            _driver: driver,
            _profile: profile,
        };
        browser
            .cdp_async(
                "Page.addScriptToEvaluateOnNewDocument",
                json!({"source": WITNESS}),
            )
            .await?;
        let target = browser.downloads.path().display().to_string();
        browser
            .cdp_async(
                "Browser.setDownloadBehavior",
                json!({"behavior": "allow", "downloadPath": target}),
            )
            .await?;
        Ok(browser)
    }

    /// The WebDriver client, for what this file has no word for.
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("only drop takes it")
    }

    async fn cdp_async(
        &self,
        method: &str,
        params: Value,
    ) -> Result<Value, fantoccini::error::CmdError> {
        let command = Vendor {
            path: "goog/cdp/execute",
            body: json!({"cmd": method, "params": params}),
        };
        self.client().issue_cmd(command).await
    }

    /// A command of the DevTools protocol.
    pub fn cdp(&self, method: &str, params: Value) -> Value {
        wait(self.cdp_async(method, params)).expect("the DevTools command is known")
    }

    /// Goes to an address, as typed.
    pub fn goto(&self, url: &str) {
        wait(self.client().goto(url)).expect("the browser goes where it is told");
    }

    /// Waits until somebody answers at an address of this machine.
    #[track_caller]
    pub fn until_serves(&self, url: &str) {
        let end = Instant::now() + PATIENCE;
        while wait(crate::net::client().get(url).send()).is_err() {
            assert!(Instant::now() < end, "nobody answers at {url}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Loads the page anew.
    pub fn reload(&self) {
        wait(self.client().refresh()).expect("the browser reloads");
    }

    /// The tab that everything else is about.
    pub fn tab(&self) -> WindowHandle {
        wait(self.client().window()).expect("there is a tab")
    }

    /// Opens another tab, and turns to it.
    pub fn new_tab(&self) -> WindowHandle {
        let new = wait(self.client().new_window(true)).expect("the browser opens tabs");
        self.switch_to(&new.handle);
        new.handle
    }

    /// Turns to another tab.
    pub fn switch_to(&self, tab: &WindowHandle) {
        wait(self.client().switch_to_window(tab.clone())).expect("the tab is open");
    }

    /// Closes the tab; turn to another one then.
    pub fn close_tab(&self) {
        wait(self.client().close_window()).expect("the tab is open");
    }

    /// One step back in the history.
    pub fn back(&self) {
        wait(self.client().back()).expect("the browser goes back");
    }

    /// The address.
    pub fn url(&self) -> String {
        wait(self.client().current_url())
            .expect("a page has an address")
            .into()
    }

    /// Runs the body of a function in the page and returns what it returns.
    pub fn run(&self, script: &str, args: &[Value]) -> Value {
        wait(self.client().execute(script, args.to_vec()))
            .unwrap_or_else(|error| panic!("the script fails: {error}\n{script}"))
    }

    /// The same for an asynchronous function: `script` is its body.
    pub fn run_async(&self, script: &str, args: &[Value]) -> Value {
        let wrapped = format!(
            "const done = arguments[arguments.length - 1]; const args = [...arguments].slice(0, -1);
             (async (...args) => {{ {script} }})(...args).then((value) => done([value]), (error) => done(String(error)));"
        );
        let answer = wait(self.client().execute_async(&wrapped, args.to_vec()))
            .unwrap_or_else(|error| panic!("the script fails: {error}\n{script}"));
        match answer {
            Value::Array(mut value) => value.pop().unwrap_or_default(),
            error => panic!("the script fails: {error}\n{script}"),
        }
    }

    /// Waits until `script` (an expression's function body) returns something true, and returns it.
    /// Panics with `what` and with what the page looks like if it never does.
    #[track_caller]
    pub fn until(&self, what: &str, script: &str, args: &[Value]) -> Value {
        self.until_within(PATIENCE, what, script, args)
    }

    /// The same with another limit.
    #[track_caller]
    pub fn until_within(&self, limit: Duration, what: &str, script: &str, args: &[Value]) -> Value {
        let end = Instant::now() + limit;
        loop {
            let value = self.run(script, args);
            let truthy = !matches!(&value, Value::Null | Value::Bool(false))
                && value != json!(0)
                && value != json!("");
            if truthy {
                return value;
            }
            if Instant::now() > end {
                panic!(
                    "waited {limit:?} in vain for {what}; the page:\n{}",
                    self.describe()
                );
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// What the page looks like, for the message of a failed test.
    pub fn describe(&self) -> String {
        let page = self.run(
            "const h = document.documentElement;
             return `${location.href}\\nstate ${h.dataset.state}, route ${h.dataset.route}\\n${document.body?.innerText.slice(0, 3000)}`",
            &[],
        );
        let witness = self.run("return JSON.stringify(globalThis.__witness)", &[]);
        format!(
            "{}\nwitness: {}\nconsole: {:?}",
            page.as_str().unwrap_or_default(),
            witness.as_str().unwrap_or_default(),
            self.console()
        )
    }

    /// The first element that matches, waiting for it.
    #[track_caller]
    pub fn find(&self, css: &str) -> Element {
        self.until(
            css,
            "return document.querySelector(arguments[0]) !== null",
            &[json!(css)],
        );
        wait(self.client().find(fantoccini::Locator::Css(css)))
            .unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Clicks the first element that matches as a reader does: in its middle, where it is seen.
    #[track_caller]
    pub fn click(&self, css: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            // A list that is made anew between finding and clicking makes the element stale.
            match wait(self.find(css).click()) {
                Ok(()) => return,
                Err(error) if Instant::now() > end => panic!("{css} cannot be clicked: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Types into the first element that matches.
    #[track_caller]
    pub fn type_into(&self, css: &str, text: &str) {
        let element = self.find(css);
        wait(element.clear()).unwrap_or_else(|error| panic!("{css}: {error}"));
        wait(element.send_keys(text)).unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let active = wait(self.client().active_element()).expect("something has the focus");
        wait(active.send_keys(keys)).expect("keys can be pressed");
    }

    /// What the page and the browser wrote to the console since the last call.
    pub fn console(&self) -> Vec<String> {
        let command = Vendor {
            path: "se/log",
            body: json!({"type": "browser"}),
        };
        let lines = wait(self.client().issue_cmd(command)).expect("the log can be read");
        lines
            .as_array()
            .into_iter()
            .flatten()
            .map(|line| {
                format!(
                    "{} {}",
                    line["level"].as_str().unwrap_or_default(),
                    line["message"].as_str().unwrap_or_default()
                )
            })
            .collect()
    }

    /// Violations of the content security policy in this document.
    pub fn violations(&self) -> Vec<String> {
        self.witness("violations")
    }

    /// Uncaught errors in this document.
    pub fn errors(&self) -> Vec<String> {
        self.witness("errors")
    }

    fn witness(&self, list: &str) -> Vec<String> {
        let list = self.run("return __witness[arguments[0]]", &[json!(list)]);
        serde_json::from_value(list).expect("the witness keeps lists of text")
    }

    /// Tasks over 50 ms on the page's thread since `since` (milliseconds of `performance.now`):
    /// start and duration.
    pub fn long_tasks(&self, since: f64) -> Vec<(f64, f64)> {
        // Two frames: an entry is queued after its task.
        let script =
            "await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)));
                      return __witness.longTasks.filter((task) => task[0] >= args[0]);";
        let list = self.run_async(script, &[json!(since)]);
        serde_json::from_value(list).expect("the witness keeps pairs")
    }

    /// `performance.now()` in the page.
    pub fn now(&self) -> f64 {
        self.run("return performance.now()", &[])
            .as_f64()
            .unwrap_or_default()
    }

    /// Where downloads go.
    pub fn downloads(&self) -> &Path {
        self.downloads.path()
    }

    /// Waits for a finished download and returns its path.
    #[track_caller]
    pub fn downloaded(&self, limit: Duration) -> PathBuf {
        let end = Instant::now() + limit;
        loop {
            let files: Vec<PathBuf> = fs::read_dir(self.downloads.path())
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .collect();
            let partial = |path: &&PathBuf| path.extension().is_some_and(|end| end == "crdownload");
            if let Some(done) = files.iter().find(|path| !partial(path))
                && !files.iter().any(|path| partial(&path))
            {
                return done.clone();
            }
            assert!(
                Instant::now() < end,
                "no download after {limit:?}: {files:?}\n{}",
                self.describe()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Keeps a picture of the page in `target/screenshots/NAME.png`.
    pub fn screenshot(&self, name: &str) {
        let picture = wait(self.client().screenshot()).expect("the browser takes pictures");
        let dir = screenshots();
        let kept = fs::create_dir_all(&dir)
            .and_then(|()| fs::write(dir.join(format!("{name}.png")), picture));
        kept.unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session is what ends Chromium; the driver alone would leave it behind.
        if let Some(client) = self.client.take() {
            // Nothing to be done about a browser that is gone already.
            let _ =
                wait(async { tokio::time::timeout(Duration::from_secs(10), client.close()).await });
        }
    }
}

/// `target/screenshots` of the workspace.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots")
}

/// A program named by a variable, else by PATH.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    match env::var_os(variable) {
        Some(path) => Some(path.into()),
        None => names.iter().find_map(|name| process::find(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes whose command line names a folder.
    fn processes_with(text: &str) -> usize {
        let commands = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
        commands
            .filter(|line| String::from_utf8_lossy(line).contains(text))
            .count()
    }

    #[test]
    fn a_session_runs_and_leaves_nothing() {
        let Some(browser) = Browser::start() else {
            return;
        };
        let profile = browser._profile.path().display().to_string();
        browser.goto("data:text/html,<title>t</title><p id=p>hello<input id=i autofocus>");
        assert_eq!(
            browser.run("return arguments[0] + 1", &[json!(1)]),
            json!(2)
        );
        assert_eq!(
            browser.run_async("return args[0] + 1", &[json!(1)]),
            json!(2)
        );
        browser.type_into("#i", "x\u{e015}");
        assert_eq!(
            browser.run("return document.querySelector('#i').value", &[]),
            json!("x")
        );
        assert_eq!(browser.violations(), [""; 0]);
        browser.run("setTimeout(() => { const end = performance.now() + 120; while (performance.now() < end); })", &[]);
        browser.until(
            "the witness's note",
            "return __witness.longTasks.length > 0",
            &[],
        );
        if Path::new("/proc/self/cmdline").exists() {
            assert!(processes_with(&profile) > 0);
        }
        drop(browser);
        assert_eq!(processes_with(&profile), 0);
        assert!(!Path::new(&profile).exists());
    }
}
