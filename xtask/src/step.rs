//! A step is one named command; its time is printed, and the first one that fails ends the task.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::console::say;
use crate::failure::{Failure, Result, While};

/// The steps of a task so far, for the closing summary.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs `command` with its output shown.
    pub(crate) fn command(&mut self, name: &str, command: &mut Command) -> Result<()> {
        self.work(name, || run(command))
    }

    /// Runs any work as a step.
    pub(crate) fn work<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        say(format_args!("\n── {name}"));
        let start = Instant::now();
        let outcome = work();
        let took = start.elapsed();
        match outcome {
            Ok(value) => {
                say(format_args!("── {name}: ok, {:.1} s", took.as_secs_f64()));
                self.done.push((name.to_owned(), took));
                Ok(value)
            }
            Err(failure) => {
                self.summary();
                Err(Failure::new(format!("FAILED at `{name}` after {:.1} s: {failure}", took.as_secs_f64())))
            }
        }
    }

    /// Prints every finished step with its time.
    pub(crate) fn summary(&self) {
        say(format_args!("\nsteps that passed:"));
        for (name, took) in &self.done {
            say(format_args!("{:>8.1} s  {name}", took.as_secs_f64()));
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        say(format_args!("{:>8.1} s  in all", total.as_secs_f64()));
    }
}

/// Runs a command to its end; anything but success is a failure that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().during(format_args!("starting {program}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{} ended with {status}", line_of(command))))
    }
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
