//! How many tokens each item of a history has.

use domain::Offer;
use domain::usage::estimate_tokens;
use wire::chat::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS};
use wire::pivot::{Item, Part, ParticipantName, Request};

use crate::tokens::{CountSource, Tokenizers};

/// The tokens of each item: by the model's tokenizer, where it has one; otherwise four bytes of text each, because a
/// bound would drop what fits. Nothing is counted where all fits into `room` however it is counted.
pub(crate) async fn weigh(
    tokenizers: &Tokenizers,
    offer: Option<&Offer>,
    items: &[Item],
    room: u64,
) -> Vec<u64> {
    let estimates = || items.iter().map(estimate).collect();
    let most: u64 = items.iter().map(|item| around(item) + text_bytes(item)).sum();
    let Some(offer) = offer.filter(|_| most > room) else { return estimates() };
    let joined = items.iter().map(|item| texts(item).collect()).collect();
    let counts = tokenizers.count_texts(offer, joined).await;
    match counts.source {
        CountSource::Tokenizer => {
            items.iter().zip(counts.tokens).map(|(item, tokens)| around(item) + tokens).collect()
        }
        CountSource::Bound => estimates(),
    }
}

/// The tokens that an item is taken for without a tokenizer.
pub(crate) fn estimate(item: &Item) -> u64 {
    around(item) + estimate_tokens(text_bytes(item))
}

/// The tokens that all that is new in a request is taken for without a tokenizer: its items, its instructions and tools.
pub(crate) fn estimate_new(ask: &Request) -> u64 {
    let tools = ask.settings.tools.iter().map(|tool| {
        let texts = [&tool.description, &tool.parameters].into_iter().flatten();
        tool.name.len() + texts.map(String::len).sum::<usize>()
    });
    let around = ask.instructions.as_ref().map_or(0, String::len) + tools.sum::<usize>();
    ask.input.iter().map(estimate).sum::<u64>() + estimate_tokens(around as u64)
}

/// The texts of an item, in their order.
fn texts(item: &Item) -> impl Iterator<Item = &str> {
    let (parts, words): (&[Part], [&str; 2]) = match item {
        Item::Message { parts, name, .. } => (parts, [name.as_ref().map_or("", ParticipantName::as_str), ""]),
        Item::Output { parts, .. } => (parts, ["", ""]),
        Item::Call { name, arguments, .. } => (&[], [name, arguments]),
        // What was thought earlier is not sent again.
        Item::Reasoning { .. } => (&[], ["", ""]),
    };
    let said = parts.iter().filter_map(|part| match part {
        Part::Text(text) | Part::Refusal(text) | Part::Other(text) => Some(text.as_str()),
        Part::Image { .. } => None,
    });
    said.chain(words)
}

fn text_bytes(item: &Item) -> u64 {
    texts(item).map(|text| text.len() as u64).sum()
}

/// The tokens of all else in an item.
fn around(item: &Item) -> u64 {
    match item {
        Item::Message { parts, .. } | Item::Output { parts, .. } => {
            let images = parts.iter().filter(|part| matches!(part, Part::Image { .. })).count() as u64;
            MESSAGE_TOKENS + images * IMAGE_TOKENS_ESTIMATED
        }
        Item::Call { .. } => MESSAGE_TOKENS,
        Item::Reasoning { .. } => 0,
    }
}
