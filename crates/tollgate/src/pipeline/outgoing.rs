//! What goes upstream: a request that is checked and bounded, and how its answer is read. Beyond these lines no step of
//! a call asks which it is.

use bytes::Bytes;
use domain::{CallBound, Money, Offer, Route, Usage, UsageSource};
use hyper::Uri;
use wire::Forward;
use wire::chat::{ChatReply, ChatRequest, ChatStream, ReplyFault, Tally};
use wire::completions::TextRequest;
use wire::embeddings::{EmbeddingsReply, EmbeddingsRequest, Form};
use wire::pivot::Finish;

use crate::config::Site;
use crate::error::Failure;
use crate::upstream::Upstream;

/// The largest whole answer in text that is read: far above any model's longest output.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// The longest event of a chat. Tool arguments in one chunk are the longest seen, tens of kilobytes.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// The largest list of vectors that is read: 2,048 of 4,096 numbers, each of 22 characters, which is a 64-bit float.
const VECTORS_BYTES_MAX: usize = 192 << 20;

/// A request on its way to an upstream.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A chat, whatever its client's dialect.
    Chat(ChatRequest),
    /// Texts to go on from.
    Text(TextRequest),
    /// Texts to be made vectors.
    Embeddings(EmbeddingsRequest),
}

/// A request as it goes to one offer.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) uri: Uri,
    pub(super) body: Bytes,
    /// The inference provider that the address names.
    pub(super) inference_provider: Option<&'static str>,
    /// The form of embeddings.
    pub(super) form: Form,
}

/// A whole answer.
#[derive(Debug)]
pub(super) enum Whole {
    Chat(ChatReply),
    Embeddings(EmbeddingsReply),
}

impl Outgoing {
    /// Whether the answer is to be streamed.
    pub(super) fn stream(&self) -> bool {
        match self {
            Outgoing::Chat(request) => request.stream(),
            Outgoing::Text(request) => request.stream(),
            Outgoing::Embeddings(_) => false,
        }
    }

    /// What bounds the cost of the call.
    pub(super) fn bound(&self) -> CallBound {
        match self {
            Outgoing::Chat(request) => request.bound(),
            Outgoing::Text(request) => request.bound(),
            Outgoing::Embeddings(request) => request.bound(),
        }
    }

    /// The same, where nobody of the route serves a longer prompt than it says. Each of many texts is a prompt.
    pub(super) fn bound_on(&self, route: &Route) -> CallBound {
        let prompts = match self {
            Outgoing::Chat(_) => 1,
            Outgoing::Text(request) => request.prompts(),
            Outgoing::Embeddings(request) => request.texts(),
        };
        self.bound().with_prompt_within(route.prompt_tokens_max().map(|most| most.saturating_mul(prompts)))
    }

    /// Tokens that the prompt is taken for where the upstream does not count them.
    pub(super) fn prompt_tokens_estimate(&self) -> u64 {
        match self {
            Outgoing::Chat(request) => request.prompt_tokens_estimate(),
            Outgoing::Text(request) => request.prompt_tokens_estimate(),
            Outgoing::Embeddings(request) => request.prompt_tokens_estimate(),
        }
    }

    /// The request as it goes to `offer`, with this output limit where it is the gateway's.
    pub(super) fn to(
        &self,
        upstream: &Upstream,
        offer: &Offer,
        output_tokens: Option<u64>,
    ) -> Result<Sending, Failure> {
        match self {
            Outgoing::Chat(request) => {
                let forward = Forward { upstream_model: &offer.upstream_model, output_tokens };
                let (uri, body) = (upstream.chat_uri().clone(), request.forward(&forward));
                Ok(Sending { uri, body, inference_provider: None, form: Form::OpenAi })
            }
            Outgoing::Text(request) => {
                let site = upstream.config.completions_site(&offer.upstream_model, offer.kind);
                let nowhere = || Failure::Malformed(format!("{} completes no texts there", offer.provider));
                let Site { uri, model, inference_provider } = site.ok_or_else(nowhere)?;
                Ok(Sending { uri, body: request.forward(model), inference_provider, form: Form::OpenAi })
            }
            Outgoing::Embeddings(request) => {
                let site = upstream.config.embeddings_site(&offer.upstream_model);
                let nowhere = || Failure::Malformed(format!("{} makes no embeddings there", offer.provider));
                let (Site { uri, model, inference_provider }, form) = site.ok_or_else(nowhere)?;
                Ok(Sending { uri, body: request.forward(form, model), inference_provider, form })
            }
        }
    }

    /// What reads the answer as a stream.
    pub(super) fn answer_stream(&self) -> ChatStream {
        match self {
            Outgoing::Chat(request) => ChatStream::new(request.usage_asked(), request.bound().n),
            Outgoing::Text(request) => {
                ChatStream::of_text(request.usage_asked(), request.bound().n, request.echo().clone())
            }
            // They do not stream, so nothing is read by it.
            Outgoing::Embeddings(_) => ChatStream::new(false, 1),
        }
    }

    /// The most bytes of one event of a stream that are relayed.
    pub(super) fn event_bytes_max(&self) -> usize {
        match self {
            // All of a prompt is repeated in one event, with the probabilities of its tokens.
            Outgoing::Text(_) => TEXT_BYTES_MAX,
            Outgoing::Chat(_) | Outgoing::Embeddings(_) => EVENT_BYTES_MAX,
        }
    }

    /// The most bytes of a whole answer that are read.
    pub(super) fn answer_bytes_max(&self) -> usize {
        match self {
            Outgoing::Chat(_) | Outgoing::Text(_) => TEXT_BYTES_MAX,
            Outgoing::Embeddings(_) => VECTORS_BYTES_MAX,
        }
    }

    /// Reads the whole answer to what was sent in that form.
    pub(super) fn read(&self, form: Form, body: Bytes) -> Result<Whole, ReplyFault> {
        Ok(match self {
            Outgoing::Chat(_) => Whole::Chat(ChatReply::parse(body)?),
            Outgoing::Text(request) => Whole::Chat(ChatReply::parse_text(body, request.echo().clone())?),
            Outgoing::Embeddings(request) => Whole::Embeddings(EmbeddingsReply::parse(&body, form, request)?),
        })
    }
}

impl Whole {
    /// What was counted.
    pub(super) fn tally(&self) -> &Tally {
        match self {
            Whole::Chat(reply) => reply.tally(),
            Whole::Embeddings(reply) => reply.tally(),
        }
    }

    /// Why it ended, as far as the upstream said.
    pub(super) fn finish(&self) -> Finish {
        Finish::read(self.tally().finish_reason.as_deref())
    }

    /// The text of a chat answer, for who tells it in another dialect.
    pub(super) fn chat(&self) -> &[u8] {
        match self {
            Whole::Chat(reply) => reply.body(),
            Whole::Embeddings(_) => &[],
        }
    }

    /// The answer for its client, with its usage and its cost.
    pub(super) fn with_usage(&self, usage: &Usage, cost: Option<Money>, source: UsageSource) -> Bytes {
        match self {
            Whole::Chat(reply) => reply.with_usage(usage, cost, source),
            Whole::Embeddings(reply) => reply.with_usage(usage, cost, source),
        }
    }
}
