//! The thread that writes the lines of calls and sends their spans.

use std::io::{self, Write};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{ClosedCall, line, otlp};
use crate::config::LogFormat;

/// How long calls gather before their lines are written in one go. Nobody wakes the thread meanwhile, so it wakes at
/// most fifty times a second, however many calls there are.
const GATHER: Duration = Duration::from_millis(20);

/// The most lines of one write.
const LINES_MAX: usize = 1_024;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Message {
    /// Tell of a call.
    Call(Box<ClosedCall>),
    /// Write and send everything that came before, then answer.
    Flush(oneshot::Sender<()>),
}

/// The thread's part.
pub(super) struct Background {
    pub(super) messages: mpsc::Receiver<Message>,
    pub(super) format: LogFormat,
    pub(super) exporter: Option<otlp::Exporter>,
}

/// Starts the thread. It ends when the other side is dropped.
pub(super) fn start(background: Background) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new()
        .name("telemetry".to_owned())
        .spawn(move || runtime.block_on(background.run()))?;
    Ok(())
}

/// The exporter's task, and the way to it.
struct Export {
    spans: otlp::Spans,
    ended: JoinHandle<()>,
}

impl Background {
    async fn run(mut self) {
        let mut export = self.exporter.take().map(|exporter| {
            let (spans, task) = exporter.start();
            Export { spans, ended: tokio::spawn(task) }
        });
        let mut batch = Vec::with_capacity(LINES_MAX);
        let mut lines = String::new();
        while self.messages.recv_many(&mut batch, LINES_MAX).await > 0 {
            if !batch.iter().any(|message| matches!(message, Message::Flush(_))) {
                tokio::time::sleep(GATHER).await;
            }
            while batch.len() < LINES_MAX
                && let Ok(message) = self.messages.try_recv()
            {
                batch.push(message);
            }
            self.write(&batch, &mut lines);
            for message in batch.drain(..) {
                match (message, &export) {
                    (Message::Call(call), Some(export)) if call.is_sampled() => export.spans.hand_over(call),
                    (Message::Call(_), _) => {}
                    (Message::Flush(done), _) => {
                        if let Some(Export { spans, ended }) = export.take() {
                            drop(spans);
                            // A panic there has lost the spans; there is nothing left to do for them.
                            let _ = ended.await;
                        }
                        // Nobody waits any more: nothing to tell.
                        let _ = done.send(());
                    }
                }
            }
        }
    }

    fn write(&self, batch: &[Message], lines: &mut String) {
        if !line::is_wanted() {
            return;
        }
        lines.clear();
        for message in batch {
            if let Message::Call(call) = message {
                line::write(lines, call, self.format);
            }
        }
        // A standard error that is closed has no reader to tell.
        let _ = io::stderr().lock().write_all(lines.as_bytes());
    }
}
