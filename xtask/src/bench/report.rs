//! The figures of one run, as a Markdown table for people or JSON for programs.

use std::fs;
use std::thread;

use serde::Serialize;

use super::plan::Plan;
use super::spread::Spread;

/// Everything that one run saw.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) plan: Plan,
    pub(super) rows: Vec<Row>,
    pub(super) gateway: Alone,
}

/// A figure for both contestants and, round by round, the gateway's as a ratio to nginx's.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) unit: &'static str,
    pub(super) nginx: Spread,
    pub(super) gateway: Spread,
    /// None where noise hides nginx's own figure.
    pub(super) ratio: Option<Spread>,
}

/// Figures of the gateway that nginx has no part in.
#[derive(Serialize)]
pub(super) struct Alone {
    pub(super) idle_memory_mib: f64,
    pub(super) start_to_first_answer_ms: Spread,
    pub(super) program_mib: f64,
    pub(super) direct_p50_us: Spread,
    pub(super) disk_sync_p50_us: f64,
}

#[derive(Serialize)]
pub(super) struct Machine {
    cores: usize,
    processor: String,
    kernel: String,
}

impl Machine {
    pub(super) fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        }
    }
}

impl Row {
    /// Of the rounds of both, pairwise.
    pub(super) fn new(what: impl Into<String>, unit: &'static str, rounds: &[(f64, f64)]) -> Self {
        Self {
            what: what.into(),
            unit,
            nginx: Spread::over(rounds.iter().map(|round| round.0)),
            gateway: Spread::over(rounds.iter().map(|round| round.1)),
            ratio: rounds
                .iter()
                .all(|round| round.0 > 0.0)
                .then(|| Spread::over(rounds.iter().map(|round| round.1 / round.0))),
        }
    }
}

impl Report {
    /// Median, then the least and the greatest round.
    pub(super) fn markdown(&self) -> String {
        let mut lines = vec![
            format!(
                "{} cores, {}, Linux {}",
                self.machine.cores, self.machine.processor, self.machine.kernel
            ),
            format!("{} rounds, interleaved: median (least–greatest)\n", self.plan.rounds),
            "| measure | nginx | gateway | gateway ÷ nginx |".to_owned(),
            "|---|---|---|---|".to_owned(),
        ];
        for Row { what, unit, nginx, gateway, ratio } in &self.rows {
            let ratio = ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            lines.push(format!("| {what} | {nginx:.1} {unit} | {gateway:.1} {unit} | {ratio} |"));
        }
        let alone = &self.gateway;
        lines.push(format!("\n- idle memory: {:.1} MiB", alone.idle_memory_mib));
        lines.push(format!(
            "- from process start to the end of the first answer: {:.1} ms",
            alone.start_to_first_answer_ms
        ));
        lines.push(format!("- program: {:.1} MiB", alone.program_mib));
        lines.push(format!("- the simulator without a proxy, p50: {:.0} µs", alone.direct_p50_us));
        lines.push(format!(
            "- one small write made durable on this disk, p50: {:.0} µs",
            alone.disk_sync_p50_us
        ));
        lines.join("\n")
    }
}
