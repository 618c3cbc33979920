//! Between resolve and admit: what is sent is what is new behind its history, in chat, and how the answer is told.

use std::sync::Arc;

use bytes::Bytes;
use domain::{AccountId, CallId, Route};
use wire::chat::ChatRequest;
use wire::completions::CompletionsRequest;
use wire::messages::MessagesRequest;
use wire::pivot::{self, Callable, Item, Names, OwnMessages, ToolKind, to_chat};
use wire::responses::{Extras, Head, ResponsesRequest, input_item, item_id, read_item};

use super::asked::{Asked, What};
use super::outgoing::Outgoing;
use super::voice::{Form, Turn, Voice};
use crate::body_memory::{NoRoom, Room};
use crate::error::Refusal;
use crate::gateway::Gateway;
use crate::ledger::sessions::{self as store, Lock, Place, SessionError};
use crate::sessions::{
    Fit, HISTORY, Past, Sealer, SessionRefusal, Wish, digits, estimate_new, fit, recall, response_id, weigh,
};

/// The part of a context that is left to an answer without an output limit, when a history is cut: a quarter.
const ANSWER_SHARE: u64 = 4;

/// Bytes of a body that is put together from a request, a history and stored items, unless a client's own may be larger:
/// far more than any model's context, and a few of them still fit into memory.
const COMPOSED_BYTES_MAX: usize = 64 << 20;

/// Who words a request, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct By {
    pub(super) call: CallId,
    pub(super) account: AccountId,
    /// In milliseconds since the Unix epoch.
    pub(super) at_ms: i64,
}

/// A call that is worded: what is sent, and how its answer is told.
pub(super) struct Composed {
    pub(super) request: Outgoing,
    /// `None` for what only passes.
    pub(super) voice: Option<Voice>,
}

/// Words a request.
pub(super) async fn compose(
    gateway: &Gateway,
    by: By,
    asked: Asked,
    route: &Route,
) -> Result<Composed, Refusal> {
    let Asked { what, wish } = asked;
    let what = match what {
        // What passes as it is needs no words of ours.
        What::Chat(request, _) if wish.name.is_none() => {
            return Ok(Composed { request: Outgoing::Chat(request), voice: None });
        }
        other => other,
    };
    let context = Context { route, truncate: truncates(&what) };
    let names = Names {
        call: digits(by.call),
        created_at_s: by.at_ms.div_euclid(1_000),
        model: what.target().model.clone(),
    };
    let composer = Composer { gateway, by, wish, context, names };
    match what {
        What::Chat(request, body) => composer.chat(&request, &body).await,
        What::Responses(request) => composer.responses(*request).await,
        What::Messages(request) => composer.messages(*request).await,
        What::Completions(request) => composer.completions(*request).await,
        What::Text(request) => Ok(Composed { request: Outgoing::Text(*request), voice: None }),
        What::Embeddings(request) => Ok(Composed { request: Outgoing::Embeddings(*request), voice: None }),
    }
}

/// Whether a history that does not fit is cut. Only the dialect of responses lets a client say so; the others name a
/// conversation to go on in, and want to go on.
fn truncates(what: &What) -> bool {
    match what {
        What::Responses(request) => request.extras.truncate,
        _ => true,
    }
}

/// How much history fits.
#[derive(Clone, Copy)]
struct Context<'a> {
    route: &'a Route,
    truncate: bool,
}

impl Context<'_> {
    /// The tokens of the context, of which there is no end where nobody knows it.
    fn tokens(self) -> u64 {
        self.route.context_length().unwrap_or(u64::MAX)
    }
}

struct Composer<'a> {
    gateway: &'a Gateway,
    by: By,
    wish: Wish,
    context: Context<'a>,
    names: Names,
}

impl Composer<'_> {
    async fn chat(self, request: &ChatRequest, body: &[u8]) -> Result<Composed, Refusal> {
        // It was checked, so that these are there.
        let own = OwnMessages::of(body).ok_or(Refusal::Session(SessionRefusal::TooLong))?;
        let input = own.items();
        let past = self.recall().await?;
        let ask = pivot::Request {
            target: request.target().clone(),
            stream: request.stream(),
            ..Default::default()
        };
        let tokens = (request.prompt_tokens_estimate(), request.bound().output_tokens);
        let history = self.fitting(past.items, past.is_whole, &input, tokens).await?;
        let request = self.parsed(own.behind(&history))?;
        let head = self.head(&ask, &Extras::default(), past.place);
        let turn = Some(self.turn((past.place, past.name_if_new), past.lock, head, &input)?);
        let (offered, custom, _room) = (Arc::default(), Vec::new(), Room::default());
        let voice = Voice { names: self.names, form: Form::Chat, custom, offered, turn, _room };
        Ok(Composed { request: Outgoing::Chat(request), voice: Some(voice) })
    }

    async fn responses(self, mut request: ResponsesRequest) -> Result<Composed, Refusal> {
        let sealer = self.gateway.vault.of(self.by.account);
        self.open_reasoning(&mut request, &sealer);
        self.resolve_references(&mut request).await?;
        if request.extras.background {
            // It is watched, cancelled and resumed by its events, whoever reads them.
            request.ask.stream = true;
        }
        let past = self.recall().await?;
        let chat = self.worded(&request.ask, past.items, past.is_whole).await?;
        let (place, name_if_new, lock) = (past.place, past.name_if_new, past.lock);
        let head = self.head(&request.ask, &request.extras, place);
        let mut turn = None;
        if request.extras.store {
            let kept = self.turn((place, name_if_new), lock, head.clone(), &request.ask.input)?;
            turn = Some(Turn { background: request.extras.background, ..kept });
        }
        let sealer = request.include_sealed.then_some(sealer);
        self.spoken(chat, &request.ask, Form::Responses(Box::new(head), sealer), turn)
    }

    async fn messages(self, request: MessagesRequest) -> Result<Composed, Refusal> {
        let past = self.recall().await?;
        let chat = self.worded(&request.ask, past.items, past.is_whole).await?;
        let turn = self.kept(&request.ask, (past.place, past.name_if_new), past.lock)?;
        let form = Form::Messages(chat.prompt_tokens_estimate());
        self.spoken(chat, &request.ask, form, turn)
    }

    async fn completions(self, request: CompletionsRequest) -> Result<Composed, Refusal> {
        let ask = request.chat.map_err(Refusal::Request)?;
        let past = self.recall().await?;
        let chat = self.worded(&ask, past.items, past.is_whole).await?;
        let turn = self.kept(&ask, (past.place, past.name_if_new), past.lock)?;
        let form = Form::Completions(request.text.usage_asked());
        self.spoken(chat, &ask, form, turn)
    }

    async fn recall(&self) -> Result<Past, Refusal> {
        let tokens_max = self.context.truncate.then_some(self.context.tokens());
        let recalled = recall(self.gateway.memory(), self.by.account, &self.wish, tokens_max).await;
        recalled.map_err(Refusal::Session)
    }

    /// The chat request of `ask` behind as much of `history` as fits.
    async fn worded(
        &self,
        ask: &pivot::Request,
        history: Vec<Item>,
        is_whole: bool,
    ) -> Result<ChatRequest, Refusal> {
        let tokens = (estimate_new(ask), ask.settings.output_tokens);
        let history = match history.is_empty() && is_whole {
            true => history,
            false => self.fitting(history, is_whole, &ask.input, tokens).await?,
        };
        self.parsed(to_chat(ask, &history))
    }

    /// The chat request of a body that was put together.
    fn parsed(&self, body: Bytes) -> Result<ChatRequest, Refusal> {
        let limits = &self.gateway.config.server;
        // What is larger than all bodies may be would not fit later either.
        if body.len() > COMPOSED_BYTES_MAX.max(limits.body_bytes_max).min(limits.bodies_bytes_max) {
            return Err(Refusal::Session(SessionRefusal::TooLong));
        }
        let body = self.gateway.bodies.keep(body).map_err(|NoRoom| Refusal::NoRoom)?;
        ChatRequest::parse(body).map_err(Refusal::Request)
    }

    /// As much of `history` as fits beside the tokens of what is new and those of the answer, if it has a limit.
    async fn fitting(
        &self,
        history: Vec<Item>,
        is_whole: bool,
        input: &[Item],
        (input_tokens, output_tokens): (u64, Option<u64>),
    ) -> Result<Vec<Item>, Refusal> {
        let context = self.context.tokens();
        let answer = output_tokens.unwrap_or(context / ANSWER_SHARE).min(context / ANSWER_SHARE * 2);
        let room = context.saturating_sub(answer);
        let offer = self.context.route.offers.first();
        let tokens = weigh(&self.gateway.tokenizers, offer, &history, room).await;
        let history = history.into_iter().zip(tokens).collect();
        let whole = Fit { history, is_whole, input, input_tokens, room };
        let fitted = fit(whole, self.context.truncate);
        fitted.map_err(|overflow| Refusal::Session(SessionRefusal::Overflow(overflow)))
    }

    fn head(&self, ask: &pivot::Request, extras: &Extras, place: Place) -> Head {
        let (previous, conversation) = match place {
            Place::Root => (None, None),
            Place::After(call) => (Some(response_id(call)), None),
            Place::In(conversation) => (None, Some(conversation.to_string())),
        };
        Head::new(&self.names, ask, extras, previous.as_deref(), conversation.as_deref())
    }

    /// The turn of a call in another dialect than responses, where its client named a session.
    fn kept(
        &self,
        ask: &pivot::Request,
        (place, name_if_new): (Place, Option<String>),
        lock: Option<Lock>,
    ) -> Result<Option<Turn>, Refusal> {
        if !self.wish.store {
            return Ok(None);
        }
        let head = self.head(ask, &Extras::default(), place);
        self.turn((place, name_if_new), lock, head, &ask.input).map(Some)
    }

    fn turn(
        &self,
        (place, name_if_new): (Place, Option<String>),
        lock: Option<Lock>,
        head: Head,
        input: &[Item],
    ) -> Result<Turn, Refusal> {
        // Apart from the ids of the answer's items, which are made from the same digits.
        let call = format!("{}i", self.names.call);
        let input = input.iter().enumerate().map(|(index, item)| {
            let id = item_id(item, &call, index);
            store::Item { body: input_item(item, &id), id }
        });
        let input: Vec<store::Item> = input.collect();
        let room = self.room(input.iter().map(|item| item.body.len()).sum())?;
        Ok(Turn {
            call: self.by.call,
            account: self.by.account,
            created_at_ms: self.by.at_ms,
            place,
            name_if_new,
            background: false,
            head,
            input,
            room,
            lock,
        })
    }

    fn spoken(
        self,
        request: ChatRequest,
        ask: &pivot::Request,
        form: Form,
        turn: Option<Turn>,
    ) -> Result<Composed, Refusal> {
        let tools = &ask.settings.tools;
        let custom = tools.iter().filter(|tool| tool.kind == ToolKind::Custom).map(|tool| tool.name.clone());
        let (custom, offered) = (custom.collect(), ask.settings.callable());
        let head_bytes = if let Form::Responses(head, _) = &form { head.bytes() } else { 0 };
        let _room = self.room(head_bytes + offered.iter().map(Callable::bytes).sum::<usize>())?;
        let voice = Voice { names: self.names, form, custom, offered, turn, _room };
        Ok(Composed { request: Outgoing::Chat(request), voice: Some(voice) })
    }

    /// Room for what is kept of the request until its answer is told and stored.
    fn room(&self, bytes: usize) -> Result<Room, Refusal> {
        self.gateway.bodies.room(bytes).map_err(|NoRoom| Refusal::NoRoom)
    }

    /// Opens reasoning that was sealed here. What cannot be opened is somebody else's, and of no use.
    #[expect(clippy::unused_self, reason = "a step of the composer")]
    fn open_reasoning(&self, request: &mut ResponsesRequest, sealer: &Sealer) {
        for (index, sealed) in &request.sealed {
            if let (Some(Item::Reasoning { text }), Some(opened)) =
                (request.ask.input.get_mut(*index), sealer.open(sealed))
            {
                *text = opened;
            }
        }
    }

    /// Puts the stored items in the places of the references to them.
    async fn resolve_references(&self, request: &mut ResponsesRequest) -> Result<(), Refusal> {
        let account = self.by.account;
        let references = std::mem::take(&mut request.references);
        if references.is_empty() {
            return Ok(());
        }
        let names = references.iter().map(|(_, id)| id.clone()).collect();
        let read = |item: store::Item| read_item(&item.body).ok();
        let found = self.gateway.ledger.items(account, names, HISTORY, read).await;
        let found = found.map_err(|error| {
            Refusal::Session(match error {
                SessionError::Ledger(error) => error.into(),
                // What is not there is no error of items.
                _ => SessionRefusal::TooLong,
            })
        })?;
        let mut given = std::mem::take(&mut request.ask.input).into_iter();
        let mut input = Vec::with_capacity(given.len() + references.len());
        let mut taken = 0;
        for ((index, id), item) in references.into_iter().zip(found) {
            input.extend(given.by_ref().take(index.saturating_sub(taken)));
            taken = index;
            input.push(item.flatten().ok_or(Refusal::Session(SessionRefusal::NoItem(id)))?);
        }
        input.extend(given);
        request.ask.input = input;
        Ok(())
    }
}
