//! One run: the contestants take turns, round by round, and everything goes into one report.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use super::gateway::Gateway;
use super::load::Endpoint;
use super::measure::{
    Contestant, calls, latencies, memory_with_open_streams, micros, on_one_thread, streams,
};
use super::nginx::Nginx;
use super::plan::Plan;
use super::report::{Alone, Machine, Report, Row};
use super::simulator::{Simulator, TOKEN};
use super::spread::{Spread, percentile};
use crate::console::say;
use crate::failure::{Result, While};
use crate::workspace::Workspace;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

const DISK_SYNCS: usize = 101;

/// What every measurement needs.
pub(super) struct Contest<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    plan: Plan,
    workers: usize,
    simulator: Simulator,
}

/// Rounds as (nginx, gateway).
type Rounds = Vec<(f64, f64)>;

#[derive(Default)]
struct Speed {
    call_cpu: Rounds,
    event_cpu: Rounds,
    calls_per_second: Rounds,
    added_p50: Rounds,
    direct_p50: Vec<f64>,
    /// Of all rounds together: a tail needs many samples. In the order direct, nginx, gateway.
    latencies: [Vec<Duration>; 3],
}

struct Memory {
    peaks: (f64, f64),
    idle: f64,
    starts: Vec<f64>,
    program: f64,
}

impl Speed {
    fn added_p99(&self) -> (f64, f64) {
        let [alone, behind_nginx, behind_gateway] = self.latencies.clone().map(|mut samples| {
            samples.sort_unstable();
            micros(percentile(&samples, 99))
        });
        (behind_nginx - alone, behind_gateway - alone)
    }
}

impl<'a> Contest<'a> {
    pub(super) fn hold(workspace: &'a Workspace, plan: Plan) -> Result<Report> {
        // Its own, so that two runs at once spoil each other's figures only.
        let folder = workspace.target.join("bench").join(process::id().to_string());
        fs::create_dir_all(&folder).during(folder.display())?;
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let simulator = Simulator::start(workspace, &folder)?;
        let contest = Self { workspace, folder, plan, workers, simulator };
        let (speed, memory) = on_one_thread(async { Ok((contest.speed().await?, contest.memory().await?)) })?;
        let disk_sync = contest.disk_sync()?;
        // After a failure the logs in it are needed.
        fs::remove_dir_all(&contest.folder).during(contest.folder.display())?;
        Ok(contest.report(&speed, memory, disk_sync))
    }

    async fn speed(&self) -> Result<Speed> {
        let nginx = self.nginx("nginx")?;
        let (server, endpoint) = self.gateway("gateway")?.start().await?;
        let yardstick = nginx.contestant()?;
        let gateway =
            Contestant { calls: endpoint.clone(), streams: endpoint, processes: server.processes()? };
        let direct = Endpoint { name: "simulator", address: self.simulator.address, key: TOKEN.to_owned() };
        let mut speed = Speed::default();
        for round in 1..=self.plan.rounds {
            say(format_args!("round {round} of {}: calls, streams, latency", self.plan.rounds));
            self.round(&direct, &yardstick, &gateway, &mut speed).await?;
        }
        Ok(speed)
    }

    async fn round(
        &self,
        direct: &Endpoint,
        nginx: &Contestant,
        gateway: &Contestant,
        speed: &mut Speed,
    ) -> Result<()> {
        let plan = &self.plan;
        let whole = (calls(nginx, plan).await?, calls(gateway, plan).await?);
        speed.call_cpu.push((whole.0.cpu_us_each, whole.1.cpu_us_each));
        speed.calls_per_second.push((whole.0.per_second, whole.1.per_second));
        let paced = (streams(nginx, plan).await?, streams(gateway, plan).await?);
        speed.event_cpu.push((paced.0.cpu_us_each, paced.1.cpu_us_each));
        let times = latencies([direct, &nginx.calls, &gateway.calls], plan).await?;
        let [alone, behind_nginx, behind_gateway] =
            times.each_ref().map(|samples| micros(percentile(samples, 50)));
        speed.direct_p50.push(alone);
        speed.added_p50.push((behind_nginx - alone, behind_gateway - alone));
        for (all, round) in speed.latencies.iter_mut().zip(times) {
            all.extend(round);
        }
        Ok(())
    }

    /// On freshly started processes, so that no earlier load shows in the peak.
    async fn memory(&self) -> Result<Memory> {
        say(format_args!(
            "memory with {} open streams, then {} starts",
            self.plan.open_streams, self.plan.starts
        ));
        let nginx_peak = {
            let nginx = self.nginx("nginx-memory")?;
            memory_with_open_streams(&nginx.contestant()?, &self.plan).await?
        };
        let gateway = self.gateway("gateway-memory")?;
        let (server, endpoint) = gateway.start().await?;
        let processes = server.processes()?;
        let idle = processes.memory_bytes()? as f64 / MEBIBYTE;
        let contestant = Contestant { calls: endpoint.clone(), streams: endpoint, processes };
        let peak = memory_with_open_streams(&contestant, &self.plan).await?;
        drop(server);
        let mut starts = Vec::new();
        for _ in 0..self.plan.starts {
            let took = gateway.time_to_first_answer(&contestant.calls.key, &self.plan).await?;
            starts.push(took.as_secs_f64() * 1e3);
        }
        let peaks = (nginx_peak as f64 / MEBIBYTE, peak as f64 / MEBIBYTE);
        Ok(Memory { peaks, idle, starts, program: gateway.program_bytes()? as f64 / MEBIBYTE })
    }

    /// What the disk needs to make a small write durable: the floor of every commit.
    fn disk_sync(&self) -> Result<f64> {
        let path = self.folder.join("sync");
        let mut file = File::create(&path).during(path.display())?;
        let mut times = Vec::new();
        for _ in 0..DISK_SYNCS {
            let start = Instant::now();
            file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).during(path.display())?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(micros(percentile(&times, 50)))
    }

    fn nginx(&self, folder: &str) -> Result<Nginx> {
        Nginx::start(&self.folder.join(folder), self.simulator.address, self.workers)
    }

    fn gateway(&self, folder: &str) -> Result<Gateway> {
        Gateway::new(self.workspace, &self.folder.join(folder), self.simulator.address)
    }

    fn report(&self, speed: &Speed, memory: Memory, disk_sync_p50_us: f64) -> Report {
        let Plan { connections, streams, rate, open_streams, .. } = self.plan;
        let rows = vec![
            Row::new(format!("CPU per call, {connections} connections"), "µs", &speed.call_cpu),
            Row::new(
                format!("CPU per streamed event, {streams} streams, one per 10 ms"),
                "µs",
                &speed.event_cpu,
            ),
            Row::new(format!("added latency at {rate} calls/s, p50"), "µs", &speed.added_p50),
            Row::new(format!("added latency at {rate} calls/s, p99"), "µs", &[speed.added_p99()]),
            Row::new(format!("peak memory, {open_streams} open streams"), "MiB", &[memory.peaks]),
            Row::new(format!("calls per second, {connections} connections"), "/s", &speed.calls_per_second),
        ];
        let gateway = Alone {
            idle_memory_mib: memory.idle,
            start_to_first_answer_ms: Spread::over(memory.starts),
            program_mib: memory.program,
            disk_sync_p50_us,
            direct_p50_us: Spread::over(speed.direct_p50.iter().copied()),
        };
        Report { machine: Machine::this(), plan: self.plan.clone(), rows, gateway }
    }
}
