//! How the answer of a call is told, and what is stored of it: for every dialect but a chat that only passes.

use std::sync::Arc;

use domain::{AccountId, CallId};
use wire::completions::CompletionsWriter;
use wire::error::ErrorBody;
use wire::messages::MessagesWriter;
use wire::pivot::{Callable, Ending, Item, Names, Telling, Writer};
use wire::responses::{self, Head, ResponsesWriter, Status};

use crate::body_memory::Room;
use crate::ledger::Admission;
use crate::ledger::sessions::{self, Lock, NewTurn, Place, TurnStatus};
use crate::sessions::Sealer;

/// How an answer is told, and kept.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) names: Names,
    pub(super) form: Form,
    /// The names of the request's custom tools.
    pub(super) custom: Vec<String>,
    /// The tools that the model may call.
    pub(super) offered: Arc<[Callable]>,
    /// What is stored; `None` where nothing is.
    pub(super) turn: Option<Turn>,
    /// The memory of what it keeps of the request beside the turn.
    pub(super) _room: Room,
}

/// The form in which an answer is told.
#[derive(Debug)]
pub(super) enum Form {
    /// The upstream's own bytes, for a chat client whose conversation is kept.
    Chat,
    /// A response, which begins with this head. Reasoning is sealed where the client asked for it.
    Responses(Box<Head>, Option<Sealer>),
    /// A message, to a prompt of about so many tokens.
    Messages(u64),
    /// A completion; with its usage in a stream where the client asked for that.
    Completions(bool),
}

/// The turn of a call, as far as it is known before its answer.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) call: CallId,
    pub(super) account: AccountId,
    pub(super) created_at_ms: i64,
    pub(super) place: Place,
    /// The name of the conversation that is made for it, where there is none yet.
    pub(super) name_if_new: Option<String>,
    pub(super) background: bool,
    pub(super) head: Head,
    pub(super) input: Vec<sessions::Item>,
    /// The memory of the input.
    pub(super) room: Room,
    /// Keeps other calls out of the conversation until this one is stored.
    pub(super) lock: Option<Lock>,
}

/// How an answer ended.
#[derive(Debug)]
pub(super) enum Told {
    /// It is whole.
    Whole(Ending),
    /// It failed.
    Failed(ErrorBody),
    /// Its client left, or cancelled it.
    Cancelled,
}

impl Voice {
    /// What tells the answer, from its begin.
    pub(super) fn telling(&self) -> Telling {
        let writer: Option<Box<dyn Writer>> = match &self.form {
            Form::Chat => None,
            Form::Responses(head, sealer) => {
                let seal = sealer
                    .clone()
                    .map(|sealer| -> responses::Seal { Box::new(move |text| sealer.seal(text)) });
                Some(Box::new(ResponsesWriter::new((**head).clone(), seal)))
            }
            Form::Messages(input_tokens) => Some(Box::new(MessagesWriter::new(&self.names, *input_tokens))),
            Form::Completions(usage_asked) => {
                Some(Box::new(CompletionsWriter::new(&self.names, *usage_asked)))
            }
        };
        Telling::new(&self.names.call, self.offered.clone(), self.custom.clone(), writer)
    }

    /// The turn of a response that runs without a client.
    pub(super) fn background(&mut self) -> Option<&mut Turn> {
        self.turn.as_mut().filter(|turn| turn.background)
    }

    /// Whether it is a response that runs without a client.
    pub(super) fn is_background(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.background)
    }

    /// Has the turn stored with the settlement of its call.
    pub(super) fn remember(self, items: &[Item], told: &Told, admission: &mut Admission) {
        let Some(turn) = self.turn else { return };
        let (new, lock) = turn.ended(items, told);
        admission.store_turn(Box::new(new));
        admission.locks(lock);
    }
}

impl Turn {
    /// The turn before its answer.
    pub(super) fn opened(&mut self, status: Status) -> NewTurn {
        // It is stored once.
        self.room = Room::default();
        NewTurn { input: std::mem::take(&mut self.input), ..self.known(status) }
    }

    /// The turn before its answer, of which the input is stored.
    pub(super) fn known(&self, status: Status) -> NewTurn {
        let head = self.head.stored(status, None, None);
        NewTurn { input: Vec::new(), ..self.stored(status_word(status), head, Vec::new()) }
    }

    fn ended(self, items: &[Item], told: &Told) -> (NewTurn, Option<Lock>) {
        let (status, head) = match told {
            Told::Whole(ending) => {
                let status = Status::of(ending.finish);
                (status, self.head.stored(status, Some(ending), None))
            }
            Told::Failed(error) => (Status::Failed, self.head.stored(Status::Failed, None, Some(error))),
            Told::Cancelled => (Status::Cancelled, self.head.stored(Status::Cancelled, None, None)),
        };
        let output = items.iter().enumerate().map(|(index, item)| {
            let body = self.head.output_item(item, index, status.of_item(index, items.len()));
            sessions::Item { id: self.head.item_id(item, index), body }
        });
        let mut new = self.stored(status_word(status), head, output.collect());
        if !matches!(told, Told::Whole(_)) && !self.background {
            // Whoever tries again says the same again.
            (new.place, new.name_if_new) = (new.place.apart(), None);
        }
        (new, self.lock)
    }

    fn stored(&self, status: TurnStatus, head: String, output: Vec<sessions::Item>) -> NewTurn {
        NewTurn {
            call: self.call,
            account: self.account,
            created_at_ms: self.created_at_ms,
            place: self.place,
            name_if_new: self.name_if_new.clone(),
            status,
            background: self.background,
            head,
            input: self.input.clone(),
            output,
        }
    }
}

fn status_word(status: Status) -> TurnStatus {
    match status {
        Status::Queued => TurnStatus::Queued,
        Status::InProgress => TurnStatus::InProgress,
        Status::Completed => TurnStatus::Completed,
        Status::Incomplete => TurnStatus::Incomplete,
        Status::Failed => TurnStatus::Failed,
        Status::Cancelled => TurnStatus::Cancelled,
    }
}
