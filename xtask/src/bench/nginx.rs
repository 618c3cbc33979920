//! The yardstick: nginx as a plain reverse proxy, with its own folder and configuration.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::load::Endpoint;
use super::measure::Contestant;
use super::server::{Server, free_address};
use super::simulator::TOKEN;
use crate::debian;
use crate::failure::{Failure, Result, While};

const WORKERS_TIME_MAX: Duration = Duration::from_secs(10);

/// nginx, in front of the upstream twice: one door for whole answers, one for streams.
pub(super) struct Nginx {
    server: Server,
    buffered: SocketAddr,
    streaming: SocketAddr,
}

impl Nginx {
    /// Installs nginx from Debian when it is missing and we may.
    pub(super) fn ready() -> Result<()> {
        debian::require("nginx", &["-v"], "nginx", "nginx")
    }

    pub(super) fn start(folder: &Path, upstream: SocketAddr, workers: usize) -> Result<Self> {
        let (buffered, streaming) = (free_address()?, free_address()?);
        fs::create_dir_all(folder).during(folder.display())?;
        let file = folder.join("nginx.conf");
        let text = configuration(folder, upstream, workers, buffered, streaming);
        fs::write(&file, text).during(file.display())?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(&file).arg("-e").arg(folder.join("error.log"));
        command.stderr(Stdio::inherit());
        let server = Server::silent("nginx", &mut command, streaming)?;
        // The listening master comes first, its workers a moment later.
        let deadline = Instant::now() + WORKERS_TIME_MAX;
        while server.processes()?.count() <= workers {
            if Instant::now() > deadline {
                return Err(Failure::new(format!("nginx did not start {workers} workers")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self { server, buffered, streaming })
    }

    pub(super) fn contestant(&self) -> Result<Contestant> {
        let door = |address| Endpoint { name: "nginx", address, key: TOKEN.to_owned() };
        let processes = self.server.processes()?;
        Ok(Contestant { calls: door(self.buffered), streams: door(self.streaming), processes })
    }
}

/// HTTP/1.1 with kept connections on both sides, no access log: what a careful operator would write for speed.
fn configuration(
    folder: &Path,
    upstream: SocketAddr,
    workers: usize,
    buffered: SocketAddr,
    streaming: SocketAddr,
) -> String {
    let folder = folder.display();
    format!(
        r"daemon off;
worker_processes {workers};
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_read_timeout 300s;
    upstream router {{ server {upstream}; keepalive 256; keepalive_requests 1000000; }}
    server {{
        listen {buffered} backlog=4096;
        location / {{ proxy_pass http://router; }}
    }}
    server {{
        listen {streaming} backlog=4096;
        location / {{ proxy_pass http://router; proxy_buffering off; }}
    }}
}}
"
    )
}
