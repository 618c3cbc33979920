//! The real program as a child process: for what no test can do to a gateway in its own process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use hf_sim::HfSim;
use serde_json::Value;

use crate::client::Client;
use crate::harness::PATIENCE;

/// A running `tollgate serve`. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    /// The line of JSON that it printed when it was ready.
    pub(crate) ready: Value,
}

impl Process {
    /// Starts it on the database in `folder`, with the simulator as its upstream, and waits until it serves.
    pub(crate) async fn start(folder: &Path, sim: &HfSim, toml: &str) -> Process {
        let mut child = serve(folder, sim, toml).spawn().expect("the program");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("{error}: it said '{line}'\n{log}")
        });
        let process = Process { child, ready };
        let client = Client::new(&process.url(), "");
        let begun = Instant::now();
        while !client.get("/readyz").await.status.is_success() {
            assert!(begun.elapsed() < PATIENCE, "it never became ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process
    }

    /// Starts another one that is expected not to serve, and returns all that it said.
    pub(crate) fn refused(folder: &Path, sim: &HfSim) -> Output {
        serve(folder, sim, "").stderr(Stdio::piped()).output().expect("the program")
    }

    pub(crate) fn url(&self) -> String {
        self.text("url").expect("a url")
    }

    /// The operator's client, with the admin key of the first start.
    pub(crate) fn admin(&self, admin_key: &str) -> Client {
        Client::new(&self.text("admin_url").expect("a url"), admin_key)
    }

    /// A field of the line that it printed.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.ready[name].as_str().map(str::to_owned)
    }

    /// Ends it without a chance to do anything about it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ended");
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success(), "it was running");
    }

    /// Its memory in bytes: what the system counts as resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most that its memory has been.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Waits until it ends by itself.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it never ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already in most tests; this is for those that fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, sim: &HfSim, toml: &str) -> Command {
    let config = folder.join("test.toml");
    let text = format!("[providers.huggingface]\nbase_url = \"{}\"\n{toml}", sim.base_url());
    fs::write(&config, text).expect("a file");
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--data-dir")
        .arg(folder)
        .current_dir(folder)
        .env_clear()
        .env("HF_TOKEN", "hf_test_token_canary")
        // A zone whose clocks change twice a year: nothing may depend on it.
        .env("TZ", "Europe/Berlin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    command
}
