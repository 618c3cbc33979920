//! Step 3, parse: a request in its client's dialect.

use bytes::Bytes;
use hyper::http::request::Parts;
use wire::Target;
use wire::chat::{ChatRequest, RequestError};
use wire::completions::{CompletionsRequest, TextRequest};
use wire::embeddings::EmbeddingsRequest;
use wire::messages::MessagesRequest;
use wire::responses::{HostedTools, ResponsesRequest};
use wire::session::is_session_name;

use super::Dialect;
use crate::error::Refusal;
use crate::sessions::{SessionRefusal, Wish};

/// The header that names a conversation to go on in, for clients that cannot add a field to the body.
pub(super) const SESSION_ID_HEADER: &str = "x-tollgate-session-id";

/// The query parameter that does.
const SESSION_ID_QUERY: &str = "session_id";

/// A request that was read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) what: What,
    /// What it says of the conversation that it belongs to.
    pub(super) wish: Wish,
}

/// A request, by dialect.
#[derive(Debug)]
pub(super) enum What {
    /// With the bytes that it was read from.
    Chat(ChatRequest, Bytes),
    Responses(Box<ResponsesRequest>),
    Messages(Box<MessagesRequest>),
    Completions(Box<CompletionsRequest>),
    /// A completion that goes as it is to who completes texts.
    Text(Box<TextRequest>),
    Embeddings(Box<EmbeddingsRequest>),
}

impl Asked {
    /// Reads a body, and the session that the request names in it or beside it.
    pub(super) fn read(
        dialect: Dialect,
        head: &Parts,
        body: Bytes,
        hosted: HostedTools,
    ) -> Result<Asked, Refusal> {
        Asked::named(What::parse(dialect, body, hosted).map_err(Refusal::Request)?, head)
    }

    /// The same for a request that is only counted: it needs no output limit, and nothing is stored.
    pub(super) fn counted(
        dialect: Dialect,
        head: &Parts,
        body: Bytes,
        hosted: HostedTools,
    ) -> Result<Asked, Refusal> {
        let what = match dialect {
            Dialect::Messages => {
                MessagesRequest::parse_count(&body).map(|asks| What::Messages(Box::new(asks)))
            }
            other => What::parse(other, body, hosted),
        };
        let mut asked = Asked::named(what.map_err(Refusal::Request)?, head)?;
        asked.wish.store = false;
        if let What::Responses(request) = &mut asked.what {
            (request.extras.store, request.extras.background) = (false, false);
        }
        Ok(asked)
    }

    /// Whether stored sessions are read to put the request together.
    pub(super) fn reads_sessions(&self) -> bool {
        let Wish { previous, conversation, name, store: _ } = &self.wish;
        let refers = matches!(&self.what, What::Responses(request) if !request.references.is_empty());
        refers || [previous, conversation, name].into_iter().any(Option::is_some)
    }

    fn named(what: What, head: &Parts) -> Result<Asked, Refusal> {
        let name = session_id(head, what.target().session_id.as_deref()).map_err(Refusal::Session)?;
        let wish = match &what {
            What::Responses(request) => Wish {
                previous: request.previous.clone(),
                conversation: request.conversation.clone(),
                name,
                store: request.extras.store,
            },
            // Vectors are no conversation: the name is told on the receipt, and nothing is kept.
            What::Embeddings(_) => Wish { name, ..Wish::default() },
            _ => Wish { store: name.is_some(), name, ..Wish::default() },
        };
        Ok(Asked { what, wish })
    }
}

impl What {
    fn parse(dialect: Dialect, body: Bytes, hosted: HostedTools) -> Result<What, RequestError> {
        Ok(match dialect {
            Dialect::Chat => What::Chat(ChatRequest::parse(body.clone())?, body),
            Dialect::Responses => What::Responses(Box::new(ResponsesRequest::parse(&body, hosted)?)),
            Dialect::Messages => What::Messages(Box::new(MessagesRequest::parse(&body)?)),
            Dialect::Completions => What::Completions(Box::new(CompletionsRequest::parse(&body)?)),
            Dialect::Embeddings => What::Embeddings(Box::new(EmbeddingsRequest::parse(body)?)),
        })
    }

    /// Where it is to go.
    pub(super) fn target(&self) -> &Target {
        match self {
            What::Chat(request, _) => request.target(),
            What::Responses(request) => &request.ask.target,
            What::Messages(request) => &request.ask.target,
            What::Completions(request) => request.text.target(),
            What::Text(request) => request.target(),
            What::Embeddings(request) => request.target(),
        }
    }

    /// Whether the client wants a stream.
    pub(super) fn stream(&self) -> bool {
        match self {
            What::Chat(request, _) => request.stream(),
            What::Responses(request) => request.ask.stream,
            What::Messages(request) => request.ask.stream,
            What::Completions(request) => request.text.stream(),
            What::Text(request) => request.stream(),
            What::Embeddings(_) => false,
        }
    }

    /// The types of the hosted tools that were left out of it.
    pub(super) fn dropped_tools(&self) -> &[String] {
        match self {
            What::Responses(request) => &request.dropped,
            _ => &[],
        }
    }
}

/// The client's name of its conversation: from the body, the query or a header, which must agree.
fn session_id(head: &Parts, in_body: Option<&str>) -> Result<Option<String>, SessionRefusal> {
    let mut found: Option<String> = None;
    let in_query = head.uri.query().into_iter().flat_map(|query| form_urlencoded::parse(query.as_bytes()));
    let in_query = in_query.filter(|(key, _)| key == SESSION_ID_QUERY).map(|(_, value)| value.into_owned());
    let in_headers = head.headers.get_all(SESSION_ID_HEADER).into_iter();
    let in_headers = in_headers.map(|value| value.to_str().unwrap_or_default().to_owned());
    let names = in_body.map(|name| (SESSION_ID_QUERY, name.to_owned())).into_iter();
    let names = names.chain(in_query.map(|name| (SESSION_ID_QUERY, name)));
    for (place, name) in names.chain(in_headers.map(|name| (SESSION_ID_HEADER, name))) {
        let differs = found.as_ref().is_some_and(|earlier| *earlier != name);
        if !is_session_name(&name) || differs {
            return Err(SessionRefusal::BadName(place));
        }
        found = Some(name);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::{SESSION_ID_HEADER, session_id};

    #[test]
    fn a_session_is_named_in_three_places_that_agree() {
        for (query, headers, body, found) in [
            ("", &[][..], None, Ok(None)),
            ("?session_id=mine", &[], None, Ok(Some("mine"))),
            ("?session_id=my%20chat", &["my chat"], Some("my chat"), Ok(Some("my chat"))),
            ("", &["mine"], None, Ok(Some("mine"))),
            ("", &[], Some("mine"), Ok(Some("mine"))),
            ("", &["mine", "mine"], None, Ok(Some("mine"))),
            ("", &["mine", "yours"], None, Err(())),
            ("?session_id=mine", &[], Some("yours"), Err(())),
            ("?session_id=", &[], None, Err(())),
            ("?session_id=%20mine", &[], None, Err(())),
            ("?session_id=a%0Ab", &[], None, Err(())),
            ("", &[""], None, Err(())),
        ] {
            let mut request = Request::builder().uri(format!("/v1/messages{query}"));
            for value in headers {
                request = request.header(SESSION_ID_HEADER, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let named = session_id(&head, body).map_err(drop);
            assert_eq!(named, found.map(|name| name.map(str::to_owned)), "{query} {headers:?} {body:?}");
        }
    }
}
