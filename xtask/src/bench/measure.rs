//! The four measurements, each on one contestant or on all of them side by side.

use std::future::Future;
use std::time::Duration;

use tokio::task::{JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::load::{Connection, Count, Endpoint, call_in_a_loop, stream_once};
use super::plan::Plan;
use super::process::Processes;
use crate::failure::{Failure, Result, While};

/// A proxy in front of the simulator: its doors and its processes.
#[derive(Clone)]
pub(super) struct Contestant {
    pub(super) calls: Endpoint,
    pub(super) streams: Endpoint,
    pub(super) processes: Processes,
}

/// What a window saw.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) cpu_us_each: f64,
    pub(super) per_second: f64,
}

/// Whole answers on kept connections, as many as come.
pub(super) async fn calls(contestant: &Contestant, plan: &Plan) -> Result<Window> {
    let (calls, body) = (Count::default(), plan.call_body());
    let mut load = JoinSet::new();
    for _ in 0..plan.connections {
        load.spawn_local(call_in_a_loop(contestant.calls.clone(), body.clone(), calls.clone()));
    }
    tokio::select! {
        window = window(contestant, &calls, plan.margin, plan.calls_window) => window,
        failure = first_failure(&mut load) => Err(failure),
    }
}

/// Paced streams; the window lies well inside all of them, and every one must end properly.
pub(super) async fn streams(contestant: &Contestant, plan: &Plan) -> Result<Window> {
    let (events, body) = (Count::default(), plan.stream_body());
    let mut load = JoinSet::new();
    for _ in 0..plan.streams {
        load.spawn_local(stream_once(contestant.streams.clone(), body.clone(), events.clone()));
    }
    let window = tokio::select! {
        window = window(contestant, &events, plan.margin, plan.streams_window) => window?,
        failure = first_failure(&mut load) => return Err(failure),
    };
    while let Some(ended) = load.join_next().await {
        ended.during("a stream")??;
    }
    Ok(window)
}

async fn window(
    contestant: &Contestant,
    count: &Count,
    margin: Duration,
    length: Duration,
) -> Result<Window> {
    sleep(margin).await;
    let start = (contestant.processes.cpu()?, count.get(), tokio::time::Instant::now());
    sleep(length).await;
    let (cpu, units) = (contestant.processes.cpu()? - start.0, count.get() - start.1);
    if units == 0 {
        return Err(Failure::new(format!("{} did nothing in a window", contestant.calls.name)));
    }
    let units = units as f64;
    Ok(Window { cpu_us_each: micros(cpu) / units, per_second: units / start.2.elapsed().as_secs_f64() })
}

/// The load never ends by itself inside a window: the first task that does has failed.
async fn first_failure(load: &mut JoinSet<Result<()>>) -> Failure {
    match load.join_next().await {
        Some(Ok(Err(failure))) => failure,
        Some(Err(panic)) => Failure::new(format!("the load broke: {panic}")),
        Some(Ok(Ok(()))) | None => Failure::new("the load ended before the window did"),
    }
}

/// Times of calls that leave on a clock, whatever became of the calls before; each endpoint has its turn, so that
/// all of them meet the same disturbances. Sorted, in the order of `endpoints`.
pub(super) async fn latencies<const N: usize>(
    endpoints: [&Endpoint; N],
    plan: &Plan,
) -> Result<[Vec<Duration>; N]> {
    let turns = plan.rate * u32::try_from(N).during("counting endpoints")?;
    let mut clock = interval(Duration::from_secs(1) / turns);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut idle: [Vec<Connection>; N] = std::array::from_fn(|_| Vec::new());
    let mut samples: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    let mut under_way = JoinSet::new();
    let wanted = (plan.latency_window + plan.margin).as_secs() * u64::from(plan.rate);
    let warm_up = plan.margin.as_secs() * u64::from(plan.rate);
    for turn in 0..wanted {
        for (index, endpoint) in endpoints.iter().enumerate() {
            clock.tick().await;
            let connection = match idle[index].pop() {
                Some(connection) => connection,
                None => Connection::open(endpoint).await?,
            };
            under_way.spawn_local(timed(index, turn >= warm_up, connection, plan.call_body()));
            while let Some(answered) = under_way.try_join_next() {
                let (index, connection, sample) = answered.during("a call")??;
                idle[index].push(connection);
                samples[index].extend(sample);
            }
        }
    }
    while let Some(answered) = under_way.join_next().await {
        let (index, _, sample) = answered.during("a call")??;
        samples[index].extend(sample);
    }
    samples.iter_mut().for_each(|times| times.sort_unstable());
    Ok(samples)
}

async fn timed(
    index: usize,
    counts: bool,
    mut connection: Connection,
    body: bytes::Bytes,
) -> Result<(usize, Connection, Option<Duration>)> {
    let took = connection.call(&body).await?;
    Ok((index, connection, counts.then_some(took)))
}

/// Peak memory, in bytes, with every stream of the plan open and flowing.
pub(super) async fn memory_with_open_streams(contestant: &Contestant, plan: &Plan) -> Result<u64> {
    const TOGETHER: usize = 50;
    let (events, body) = (Count::default(), plan.open_stream_body());
    let mut load = JoinSet::new();
    for opened in 0..plan.open_streams {
        load.spawn_local(stream_once(contestant.streams.clone(), body.clone(), events.clone()));
        // In bunches, so that no listener's queue overflows.
        while opened % TOGETHER == 0 && events.get() < opened as u64 {
            pause_or_fail(&mut load).await?;
        }
    }
    let everyone_twice = 2 * plan.open_streams as u64;
    while events.get() < everyone_twice {
        pause_or_fail(&mut load).await?;
    }
    let peak = contestant.processes.memory_peak_bytes();
    while let Some(ended) = load.join_next().await {
        ended.during("a stream")??;
    }
    peak
}

async fn pause_or_fail(load: &mut JoinSet<Result<()>>) -> Result<()> {
    tokio::select! {
        () = sleep(Duration::from_millis(2)) => Ok(()),
        failure = first_failure(load) => Err(failure),
    }
}

/// Runs a measurement on one thread, with its tasks.
pub(super) fn on_one_thread<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.during("starting the load's runtime")?;
    LocalSet::new().block_on(&runtime, work)
}

pub(super) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
