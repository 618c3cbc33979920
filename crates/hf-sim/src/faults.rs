//! Faults in the delivery of a good answer: pure changes to its events, then to the steps that play them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::dialect::{Dialect, ErrorWords, Event, Pair, stream_error};
use crate::dice::Dice;
use crate::playback::Step;
use crate::script::Script;
use crate::vocabulary::{Garbage, Split};

/// How long the line of `garbage=line` is.
const LINE_BYTES: usize = 2 << 20;
/// `split=random` makes pieces of up to this size, so that most events are cut and some are joined.
const RANDOM_PIECE_BYTES_MAX: usize = 400;

/// Changes what is said: an error in the middle, garbage, comments, line ends.
pub(crate) fn bend(
    mut events: Vec<Event>,
    script: &Script,
    dialect: &Dialect,
    pair: &Pair<'_>,
) -> Vec<Event> {
    if let Some(after) = script.error_after {
        // The error comes instead of the answer's end, never behind it.
        events.truncate(after.min(events.len().saturating_sub(1)));
        let words = ErrorWords::scripted(script, script.status.unwrap_or(500), pair);
        events.push(data(stream_error(dialect, &words, script.error).as_bytes()));
        if dialect.sends_done(true) && !script.no_done {
            events.push(data(b"[DONE]"));
        }
    }
    if let Some(garbage) = script.garbage {
        soil(&mut events, garbage);
    }
    if script.comments {
        events = events.into_iter().flat_map(|event| [plain(b": keep-alive\n\n".to_vec()), event]).collect();
    }
    if script.crlf {
        for event in &mut events {
            let mut bytes = Vec::with_capacity(event.bytes.len() + 2);
            for &byte in &event.bytes {
                if byte == b'\n' {
                    bytes.push(b'\r');
                }
                bytes.push(byte);
            }
            event.bytes = bytes.into();
        }
    }
    events
}

fn soil(events: &mut Vec<Event>, garbage: Garbage) {
    let middle = events.len() / 2;
    match garbage {
        Garbage::Json => events.insert(middle, data(b"{\"id\":\"broken\",\"choices\":[{\"delta\":")),
        Garbage::Utf8 => events.insert(middle, data(b"{\"choices\":[],\"note\":\"\xff\xfe\xc3\"}")),
        Garbage::Line => events.insert(middle, data(&vec![b'x'; LINE_BYTES])),
        Garbage::Blank => events.insert(middle, plain(b"data:\n\ndata: \n\n".to_vec())),
        Garbage::Fields => {
            events.insert(middle, plain(b"event: ping\nid: 7\nretry: 3000\nwhatever\n\n".to_vec()));
        }
        Garbage::AfterDone => {
            events.push(data(b"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"}}]}"))
        }
        Garbage::DoneTwice => events.push(data(b"[DONE]")),
    }
}

fn data(payload: &[u8]) -> Event {
    plain([b"data: ", payload, b"\n\n"].concat())
}

fn plain(bytes: Vec<u8>) -> Event {
    Event { bytes: bytes.into(), tokens: 0 }
}

/// Turns events into steps: waits, a break or a silence, and the split over writes.
pub(crate) fn steps(
    mut events: Vec<Event>,
    script: &Script,
    first: Duration,
    gap: Duration,
    hash: u64,
) -> Vec<Step> {
    let end = script.cut_after.map(|at| (at, Step::Cut)).or(script.stall_after.map(|at| (at, Step::Hang)));
    if let Some((at, _)) = &end {
        events.truncate(*at);
    }
    if let Some(split) = script.split {
        events = scatter(&events, split, hash);
    }
    let waits = if gap.is_zero() { 1 } else { events.len() };
    let mut steps = Vec::with_capacity(events.len() + waits + 1);
    for (at, event) in events.into_iter().enumerate() {
        let wait = if at == 0 { first } else { gap };
        if !wait.is_zero() {
            steps.push(Step::Wait(wait));
        }
        steps.push(Step::Send(event.bytes, event.tokens));
    }
    steps.extend(end.map(|(_, step)| step));
    steps
}

/// The steps of a whole answer. A break or a silence comes after half of it, whatever number was scripted.
pub(crate) fn whole_steps(
    body: Bytes,
    tokens: u32,
    script: &Script,
    first: Duration,
    hash: u64,
) -> Vec<Step> {
    let end = script.cut_after.map(|_| Step::Cut).or(script.stall_after.map(|_| Step::Hang));
    let bytes = if end.is_some() { body.slice(..body.len() / 2) } else { body };
    let mut events = vec![Event { bytes, tokens }];
    if let Some(split) = script.split {
        events = scatter(&events, split, hash);
    }
    let wait = (!first.is_zero()).then_some(Step::Wait(first));
    let sends = events.into_iter().map(|event| Step::Send(event.bytes, event.tokens));
    wait.into_iter().chain(sends).chain(end).collect()
}

/// Changes what a whole answer says: broken JSON or broken text.
pub(crate) fn bend_whole(mut body: Vec<u8>, script: &Script) -> Vec<u8> {
    match script.garbage {
        Some(Garbage::Json) => body.truncate(body.len() / 2),
        Some(Garbage::Utf8) => body.extend_from_slice(b"\xff\xfe\xc3"),
        _ => {}
    }
    body
}

/// Cuts the stream's bytes anew, without regard to events; tokens count when their event's last byte goes out.
fn scatter(events: &[Event], split: Split, hash: u64) -> Vec<Event> {
    let mut dice = Dice::new(hash);
    let mut ends = events.iter().scan(0, |end, event| {
        *end += event.bytes.len();
        Some((*end, event.tokens))
    });
    let mut next = ends.next();
    let mut all = BytesMut::new();
    events.iter().for_each(|event| all.extend_from_slice(&event.bytes));
    let mut rest = all.freeze();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while !rest.is_empty() {
        let size = match split {
            Split::Byte => 1,
            Split::Random => (1 + dice.below(RANDOM_PIECE_BYTES_MAX)).min(rest.len()),
        };
        at += size;
        let mut tokens = 0;
        while let Some((end, carried)) = next
            && end <= at
        {
            tokens += carried;
            next = ends.next();
        }
        pieces.push(Event { bytes: rest.split_to(size), tokens });
    }
    pieces
}
