//! The real program as a process of its own: for what only that shows, its memory and its log.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::harness::{ADMIN_KEY, soon};

/// A running `tollgate serve`, with the metered account that a first start makes.
pub(crate) struct Process {
    pub(crate) client: Client,
    pub(crate) admin: Client,
    pub(crate) key: String,
    folder: TempDir,
    child: Child,
}

impl Process {
    /// Starts the program on free ports with this configuration and this environment.
    pub(crate) async fn start(toml: &str, env: &[(&str, &str)]) -> Process {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("tollgate.toml");
        std::fs::write(&config, toml).expect("written");
        let log = File::create(folder.path().join("log")).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .current_dir(folder.path())
            .env_clear()
            .env("TOLLGATE_ADMIN_KEY", ADMIN_KEY)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let first_line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            stdout.read_line(&mut line).map(|_| line)
        });
        let line = soon("the program to be ready", first_line).await.expect("read").expect("a line");
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line:?} {}", log_of(folder.path())));
        let text = |name: &str| ready[name].as_str().expect("a string").to_owned();
        Process {
            client: Client::new(&text("url"), &text("key")),
            admin: Client::new(&text("admin_url"), ADMIN_KEY),
            key: text("key"),
            folder,
            child,
        }
    }

    /// Its memory in bytes: what the system counts as resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Asks it to stop, and waits until it has. Returns its folder and what it logged.
    pub(crate) fn stop(mut self) -> (TempDir, String) {
        let killed =
            Command::new("sh").args(["-c", &format!("kill {}", self.child.id())]).status().expect("sh runs");
        assert!(killed.success() && self.child.wait().expect("it ends").success());
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().expect("a folder"));
        let log = log_of(folder.path());
        (folder, log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).expect("a log")
}
