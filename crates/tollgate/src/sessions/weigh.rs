//! How many tokens each item of a history has.

use domain::Offer;
use domain::usage::estimate_tokens;
use wire::chat::{IMAGE_TOKENS_ESTIMATED, MESSAGE_TOKENS};
use wire::pivot::{Item, Part, Request};

use crate::tokens::{CountSource, Tokenizers};

/// The tokens of each item: by the model's tokenizer, where it has one; otherwise four bytes of text each, because a
/// bound would drop what fits. Nothing is counted where all fits into `room` however it is counted.
pub(crate) async fn weigh(
    tokenizers: &Tokenizers,
    offer: Option<&Offer>,
    items: &[Item],
    room: u64,
) -> Vec<u64> {
    let weights: Vec<Weight> = items.iter().map(Weight::of).collect();
    let most: u64 = weights.iter().map(|weight| weight.around + weight.text.len() as u64).sum();
    let Some(offer) = offer.filter(|_| most > room) else {
        return weights.iter().map(Weight::estimate).collect();
    };
    let texts = weights.iter().map(|weight| weight.text.clone()).collect();
    let counts = tokenizers.count_texts(offer, texts).await;
    match counts.source {
        CountSource::Tokenizer => {
            weights.iter().zip(counts.tokens).map(|(weight, tokens)| weight.around + tokens).collect()
        }
        CountSource::Bound => weights.iter().map(Weight::estimate).collect(),
    }
}

/// The tokens that an item is taken for without a tokenizer.
pub(crate) fn estimate(item: &Item) -> u64 {
    Weight::of(item).estimate()
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

/// The text of an item, and the tokens of all else in it.
struct Weight {
    text: String,
    around: u64,
}

impl Weight {
    fn of(item: &Item) -> Weight {
        match item {
            Item::Message { parts, .. } | Item::Output { parts, .. } => {
                let images = parts.iter().filter(|part| matches!(part, Part::Image { .. })).count() as u64;
                let texts = parts.iter().filter_map(|part| match part {
                    Part::Text(text) | Part::Refusal(text) | Part::Other(text) => Some(text.as_str()),
                    Part::Image { .. } => None,
                });
                Weight { text: texts.collect(), around: MESSAGE_TOKENS + images * IMAGE_TOKENS_ESTIMATED }
            }
            // What was thought earlier is not sent again.
            Item::Reasoning { .. } => Weight { text: String::new(), around: 0 },
            Item::Call { name, arguments, .. } => {
                Weight { text: format!("{name}{arguments}"), around: MESSAGE_TOKENS }
            }
        }
    }

    fn estimate(&self) -> u64 {
        self.around + estimate_tokens(self.text.len() as u64)
    }
}
