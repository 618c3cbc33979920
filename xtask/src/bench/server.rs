//! A server under measurement: a child process that is waited for, watched, and ended.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::process::Processes;
use crate::debian::answers;
use crate::failure::{Failure, Result, While};

const READY_TIME_MAX: Duration = Duration::from_secs(20);
const END_TIME_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(5);

/// Ends its process when dropped: asked first, then killed.
pub(super) struct Server {
    name: &'static str,
    child: Child,
    /// Kept open, so that a late line doesn't break the server.
    output: Option<ChildStdout>,
}

impl Server {
    /// Starts a program that prints one line of JSON when it is ready; what it logs goes to a file in `folder`.
    pub(super) fn announced<T: DeserializeOwned>(
        name: &'static str,
        folder: &Path,
        command: &mut Command,
    ) -> Result<(Self, T)> {
        fs::create_dir_all(folder).during(folder.display())?;
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).during(log.display())?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).spawn();
        let mut server = Self::started(name, child)?;
        let output = server.child.stdout.take().ok_or_else(|| Failure::new("no pipe"))?;
        let mut reader = BufReader::new(output);
        let mut line = String::new();
        reader.read_line(&mut line).during(format_args!("waiting for {name}"))?;
        server.output = Some(reader.into_inner());
        let ready = serde_json::from_str(&line);
        Ok((server, ready.during(format_args!("{name} announced {line:?}, see {}", log.display()))?))
    }

    /// Starts a program that says nothing, and waits until it accepts connections.
    pub(super) fn silent(name: &'static str, command: &mut Command, address: SocketAddr) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut server = Self::started(name, child)?;
        let deadline = Instant::now() + READY_TIME_MAX;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait().during(name)? {
                return Err(Failure::new(format!("{name} ended early with {status}")));
            }
            if Instant::now() > deadline {
                return Err(Failure::new(format!("{name} did not listen on {address}")));
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    fn started(name: &'static str, child: std::io::Result<Child>) -> Result<Self> {
        Ok(Self { name, child: child.during(format_args!("starting {name}"))?, output: None })
    }

    pub(super) fn processes(&self) -> Result<Processes> {
        Processes::of(self.child.id()).during(self.name)
    }

    fn ended_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(POLL);
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        if !(answers("kill", &["-TERM", &id]) && self.ended_within(END_TIME_MAX)) {
            let _gone = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

/// A loopback address that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr> {
    let probe = TcpListener::bind(("127.0.0.1", 0)).during("binding loopback")?;
    probe.local_addr().during("reading the bound address")
}

/// The address in a URL such as `http://127.0.0.1:8000`.
pub(super) fn address_of(url: &str) -> Result<SocketAddr> {
    let authority = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let authority = authority.split('/').next().unwrap_or_default();
    authority.parse().during(format_args!("reading the address in {url}"))
}
