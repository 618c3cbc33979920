//! What goes upstream: a request that is checked and bounded, and how its answer is read. Beyond these lines no step of
//! a call asks which it is.

use bytes::Bytes;
use domain::{CallBound, ModelKind, Money, Offer, Route, Usage, UsageSource};
use hyper::Uri;
use wire::chat::{ChatReply, ChatRequest, Forward, ReplyFault, Tally};
use wire::embeddings::{EmbeddingsReply, EmbeddingsRequest, Form};
use wire::pivot::Finish;

use super::asked::What;
use super::{Failure, Refusal};
use crate::catalog::ResolveError;
use crate::gateway::Gateway;
use crate::upstream::Upstream;

/// The largest whole answer in text that is read: far above any model's longest output.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// The largest list of vectors that is read: 2,048 of 4,096 numbers, each of 22 characters, which is a 64-bit float.
const VECTORS_BYTES_MAX: usize = 192 << 20;

/// A request on its way to an upstream.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A chat, whatever its client's dialect.
    Chat(ChatRequest),
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
            Outgoing::Embeddings(_) => false,
        }
    }

    /// Whether the caller of a stream asked for its usage.
    pub(super) fn usage_asked(&self) -> bool {
        match self {
            Outgoing::Chat(request) => request.usage_asked(),
            Outgoing::Embeddings(_) => false,
        }
    }

    /// What bounds the cost of the call.
    pub(super) fn bound(&self) -> CallBound {
        match self {
            Outgoing::Chat(request) => request.bound(),
            Outgoing::Embeddings(request) => request.bound(),
        }
    }

    /// The same, where nobody of the route serves a longer prompt than it says. Each of many texts is a prompt.
    pub(super) fn bound_on(&self, route: &Route) -> CallBound {
        let prompts = match self {
            Outgoing::Chat(_) => 1,
            Outgoing::Embeddings(request) => request.texts(),
        };
        self.bound().with_prompt_within(route.prompt_tokens_max().map(|most| most.saturating_mul(prompts)))
    }

    /// Tokens that the prompt is taken for where the upstream does not count them.
    pub(super) fn prompt_tokens_estimate(&self) -> u64 {
        match self {
            Outgoing::Chat(request) => request.prompt_tokens_estimate(),
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
            Outgoing::Embeddings(request) => {
                let place = upstream.config.embeddings_place(&offer.upstream_model);
                let nowhere = || format!("{} makes no embeddings there", offer.provider);
                let place = place.ok_or_else(|| Failure::Malformed(nowhere()))?;
                let body = request.forward(place.form, place.model);
                let inference_provider = place.inference_provider;
                Ok(Sending { uri: place.uri, body, inference_provider, form: place.form })
            }
        }
    }

    /// The most bytes of a whole answer that are read.
    pub(super) fn answer_bytes_max(&self) -> usize {
        match self {
            Outgoing::Chat(_) => TEXT_BYTES_MAX,
            Outgoing::Embeddings(_) => VECTORS_BYTES_MAX,
        }
    }

    /// Reads the whole answer to what was sent in that form.
    pub(super) fn read(&self, form: Form, body: Bytes) -> Result<Whole, ReplyFault> {
        Ok(match self {
            Outgoing::Chat(_) => Whole::Chat(ChatReply::parse(body)?),
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

/// Leaves those offers in the route that can do what is asked for.
///
/// Refuses the call where none can.
pub(super) fn suit(gateway: &Gateway, what: &What, route: &mut Route) -> Result<(), Refusal> {
    let kind = what.kind();
    let mut why = None;
    let mut can = |offer: &Offer| {
        let of_kind = offer.kind.is_none_or(|known| known == kind);
        match what {
            What::Embeddings(request) if of_kind => {
                let suits = suits(gateway, request, offer);
                suits.map_err(|refusal| why = Some(refusal)).is_ok()
            }
            _ => of_kind,
        }
    };
    route.offers.retain(&mut can);
    if route.offers.is_empty() { Err(why.unwrap_or_else(|| not_of_kind(what))) } else { Ok(()) }
}

fn suits(gateway: &Gateway, request: &EmbeddingsRequest, offer: &Offer) -> Result<(), Refusal> {
    let provider = gateway.config.providers.iter().find(|provider| provider.id == offer.provider);
    let place = provider.and_then(|provider| provider.embeddings_place(&offer.upstream_model));
    let place = place.ok_or_else(|| {
        let message =
            format!("The provider '{}' makes no embeddings with '{}'.", offer.provider, offer.model);
        Refusal::Route(ResolveError::NotServed(message))
    })?;
    request.suits(place.form).map_err(Refusal::Request)
}

fn not_of_kind(what: &What) -> Refusal {
    let model = what.model();
    let message = match what.kind() {
        ModelKind::Chat => {
            format!("The model '{model}' makes embeddings and no answers. Send texts to /v1/embeddings.")
        }
        ModelKind::Embeddings => format!("The model '{model}' makes no embeddings: it is a chat model."),
    };
    Refusal::Route(ResolveError::NotServed(message))
}
