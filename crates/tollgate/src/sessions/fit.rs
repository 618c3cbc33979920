//! What of a history fits into a model's context.

use std::collections::HashSet;

use wire::pivot::{Item, Role};

/// A history that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// The tokens of the history and of what is new, about.
    pub needed: u64,
    /// The tokens that the model's context leaves for them.
    pub room: u64,
}

/// A history, with the tokens of each item.
pub(crate) struct Fit<'a> {
    /// The items, oldest first, each with its tokens.
    pub(crate) history: Vec<(Item, u64)>,
    /// Whether that is all of it. More may come before it only where it may be cut.
    pub(crate) is_whole: bool,
    /// What is new.
    pub(crate) input: &'a [Item],
    /// The tokens of what is new, instructions and tools included.
    pub(crate) input_tokens: u64,
    /// The tokens that the context leaves for history and input.
    pub(crate) room: u64,
}

/// The part of the history that is sent: all of it, or with `truncate` its end, from the beginning of a user's turn.
///
/// A tool's call is never dropped while its output is new.
pub(crate) fn fit(whole: Fit<'_>, truncate: bool) -> Result<Vec<Item>, Overflow> {
    let Fit { history, is_whole, input, input_tokens, room } = whole;
    let total: u64 = history.iter().map(|(_, tokens)| tokens).sum();
    let needed = total.saturating_add(input_tokens);
    let overflow = Overflow { needed, room };
    // Whether what is new fits by itself is the upstream's to say: here it is only estimated.
    if is_whole && (needed <= room || history.is_empty()) {
        return Ok(history.into_iter().map(|(item, _)| item).collect());
    }
    if !truncate {
        return Err(overflow);
    }
    let mut left = total;
    let mut cut = None;
    for (index, (item, tokens)) in history.iter().enumerate() {
        if left.saturating_add(input_tokens) <= room && begins_turn(item) {
            cut = Some(index);
            break;
        }
        left -= tokens;
    }
    let cut = cut.unwrap_or(history.len());
    let (gone, kept) = history.split_at(cut);
    let (answered, gone) = (answered(input), called(gone.iter().map(|(item, _)| item)));
    let is_lost = if is_whole {
        answered.intersection(&gone).next().is_some()
    } else {
        // A call that is nowhere else was made before what was read.
        let known = called(kept.iter().map(|(item, _)| item).chain(input));
        !answered.is_subset(&known)
    };
    if is_lost {
        return Err(overflow);
    }
    Ok(history.into_iter().skip(cut).map(|(item, _)| item).collect())
}

fn begins_turn(item: &Item) -> bool {
    matches!(item, Item::Message { role: Role::User, .. })
}

/// The calls whose outputs are among `items`.
fn answered(items: &[Item]) -> HashSet<&str> {
    let mut answered = HashSet::new();
    for item in items {
        if let Item::Output { call_id, .. } = item {
            answered.insert(call_id.as_str());
        }
    }
    answered
}

/// The calls among `items`.
fn called<'a>(items: impl Iterator<Item = &'a Item>) -> HashSet<&'a str> {
    let mut called = HashSet::new();
    for item in items {
        if let Item::Call { call_id, .. } = item {
            called.insert(call_id.as_str());
        }
    }
    called
}

#[cfg(test)]
mod tests {
    use wire::pivot::{Item, Part, Role, ToolKind};

    use super::{Fit, Overflow, fit};

    fn says(role: Role, text: &str) -> Item {
        Item::message(role, vec![Part::Text(text.to_owned())])
    }

    fn call(id: &str) -> Item {
        let (call_id, name, arguments) = (id.to_owned(), "f".to_owned(), "{}".to_owned());
        Item::Call { call_id, name, arguments, kind: ToolKind::Function }
    }

    fn output(id: &str) -> Item {
        Item::Output { call_id: id.to_owned(), parts: Vec::new(), kind: ToolKind::Function, failed: false }
    }

    /// Three turns of 20 tokens each; the last one calls a tool.
    fn history() -> Vec<(Item, u64)> {
        let (user, model) = (Role::User, Role::Assistant);
        vec![
            (says(user, "one"), 10),
            (says(model, "1"), 10),
            (says(user, "two"), 10),
            (says(model, "2"), 10),
            (says(user, "three"), 10),
            (call("c"), 10),
        ]
    }

    fn texts(fitted: Result<Vec<Item>, Overflow>) -> Result<Vec<String>, Overflow> {
        fitted.map(|items| items.iter().map(|item| item.text().to_owned()).collect())
    }

    #[test]
    fn what_does_not_fit_is_refused_or_cut_at_a_turn() {
        let asks = [says(Role::User, "go on")];
        for (room, truncate, expected) in [
            (70, false, Ok(vec!["one", "1", "two", "2", "three", "{}"])),
            (69, false, Err(Overflow { needed: 70, room: 69 })),
            (69, true, Ok(vec!["two", "2", "three", "{}"])),
            (50, true, Ok(vec!["two", "2", "three", "{}"])),
            (49, true, Ok(vec!["three", "{}"])),
            (30, true, Ok(vec!["three", "{}"])),
            (29, true, Ok(vec![])),
            (1, true, Ok(vec![])),
        ] {
            let whole = Fit { history: history(), is_whole: true, input: &asks, input_tokens: 10, room };
            let expected = expected.map(|texts| texts.into_iter().map(str::to_owned).collect());
            assert_eq!(texts(fit(whole, truncate)), expected, "room {room}, truncate {truncate}");
        }
    }

    #[test]
    fn a_call_whose_output_is_new_is_kept_or_the_request_refused() {
        let brings = [output("c")];
        let whole = |room| Fit { history: history(), is_whole: true, input: &brings, input_tokens: 10, room };
        assert_eq!(texts(fit(whole(30), true)).unwrap(), ["three", "{}"]);
        assert_eq!(fit(whole(29), true), Err(Overflow { needed: 70, room: 29 }));
    }

    #[test]
    fn what_was_read_in_part_begins_with_a_turn_and_has_the_calls_that_are_answered() {
        // The first of the three turns is not there, and of the second only its end.
        let part = || history().split_off(3);
        for (room, input, expected) in [
            (1_000, says(Role::User, "go on"), Ok(vec!["three", "{}"])),
            (30, says(Role::User, "go on"), Ok(vec!["three", "{}"])),
            (29, says(Role::User, "go on"), Ok(vec![])),
            (1_000, output("c"), Ok(vec!["three", "{}"])),
            (29, output("c"), Err(Overflow { needed: 40, room: 29 })),
            (1_000, output("older"), Err(Overflow { needed: 40, room: 1_000 })),
        ] {
            let input = [input];
            let whole = Fit { history: part(), is_whole: false, input: &input, input_tokens: 10, room };
            let expected = expected.map(|texts| texts.into_iter().map(str::to_owned).collect());
            assert_eq!(texts(fit(whole, true)), expected, "room {room}");
        }
        // A client may bring a call together with its output.
        let brings = [call("new"), output("new")];
        let whole = Fit { history: Vec::new(), is_whole: false, input: &brings, input_tokens: 10, room: 5 };
        assert_eq!(fit(whole, true), Ok(Vec::new()));
    }

    #[test]
    fn what_is_new_alone_is_the_upstreams_to_judge() {
        let asks = [says(Role::User, "long")];
        let whole = Fit { history: Vec::new(), is_whole: true, input: &asks, input_tokens: 1_000, room: 10 };
        assert_eq!(fit(whole, false), Ok(Vec::new()));
    }
}
