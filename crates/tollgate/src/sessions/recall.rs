//! What a call goes on from: the history that its request names, and the right to add to it.

use domain::{AccountId, ConversationId};
use wire::pivot::Item;
use wire::responses::read_item;

use super::{estimate, ids};
use crate::config::SessionPolicy;
use crate::ledger::ids::conversation_id;
use crate::ledger::sessions::{self as store, Bounds, Lock, Locks, Origin, Place, Recent, SessionError};
use crate::ledger::{Ledger, LedgerError};

/// The most that is read of a history, or of items that a request refers to, which is far above any model's context.
pub(crate) const HISTORY: Bounds = Bounds { items_max: 50_000, bytes_max: 64 << 20 };

/// What a request says of the conversation that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The response to go on from.
    pub(crate) previous: Option<String>,
    /// The conversation to go on in.
    pub(crate) conversation: Option<String>,
    /// The client's own name of the conversation to go on in, which is made when it is not there and the turn is stored.
    pub(crate) name: Option<String>,
    /// Whether the turn is to be stored.
    pub(crate) store: bool,
}

/// What a call goes on from.
#[derive(Debug)]
pub(crate) struct Past {
    /// Where the turn belongs.
    pub(crate) place: Place,
    /// The name with which the conversation is made, where it is not there yet.
    pub(crate) name_if_new: Option<String>,
    /// The history, oldest first.
    pub(crate) items: Vec<Item>,
    /// Whether that is all of it.
    pub(crate) is_whole: bool,
    /// Keeps others out of the conversation.
    pub(crate) lock: Option<Lock>,
}

/// Why a call cannot go on.
#[derive(Debug)]
pub enum SessionRefusal {
    /// The account has no such response.
    NoResponse(String),
    /// The account has no such conversation.
    NoConversation(String),
    /// The account has no such item.
    NoItem(String),
    /// The response is not there yet.
    Unfinished(String),
    /// Two of the ways to name a conversation stand in one request.
    Several,
    /// The name is not a short visible text, or two names differ. What it stands in.
    BadName(&'static str),
    /// Another call is under way in the conversation.
    Busy,
    /// The history is too long to be read.
    TooLong,
    /// The history does not fit into the model's context.
    Overflow(super::Overflow),
    /// The account's sessions take all the room that they may.
    Full(u64),
    /// Too many responses run in the background.
    TooMany,
    /// The store gave no answer.
    Store(LedgerError),
}

impl From<LedgerError> for SessionRefusal {
    fn from(error: LedgerError) -> SessionRefusal {
        SessionRefusal::Store(error)
    }
}

/// What recalling needs of the gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<'a> {
    /// Where turns are stored.
    pub(crate) ledger: &'a Ledger,
    /// Who goes on in which conversation.
    pub(crate) locks: &'a Locks,
    /// How sessions are kept.
    pub(crate) policy: SessionPolicy,
}

/// Finds what a request of `account` goes on from, and keeps others out of its conversation.
///
/// Where the history is to be cut to `tokens_max`, hardly more of it is read. Otherwise it has to be whole.
pub(crate) async fn recall(
    memory: Memory<'_>,
    account: AccountId,
    wish: &Wish,
    tokens_max: Option<u64>,
) -> Result<Past, SessionRefusal> {
    let named = [&wish.previous, &wish.conversation, &wish.name];
    if named.into_iter().flatten().count() > 1 {
        return Err(SessionRefusal::Several);
    }
    let bytes_max = memory.policy.account_bytes_max;
    if wish.store && memory.ledger.session_bytes(account) >= bytes_max {
        return Err(SessionRefusal::Full(bytes_max));
    }
    let (origin, lock) = hold(memory, account, wish).await?;
    if origin == Origin::Place(Place::Root) {
        return Ok(Past { place: Place::Root, name_if_new: None, items: Vec::new(), is_whole: true, lock });
    }
    // After the lock: whoever had it before has stored its turn.
    let recent = history(memory.ledger, account, origin, tokens_max).await;
    let recent = recent.map_err(|error| unread(error, wish))?;
    let (place, name_if_new) = match (recent.place, &wish.name) {
        // It is made with the turn, and only then.
        (Place::Root, Some(name)) if wish.store => {
            (Place::In(conversation_id(memory.ledger.clock())), Some(name.clone()))
        }
        (place, _) => (place, None),
    };
    let items = recent.items.into_iter().flatten().collect();
    Ok(Past { place, name_if_new, items, is_whole: recent.is_whole, lock })
}

/// What a request names, and the right to add to it where that is a conversation and its turn is to be stored.
async fn hold(
    memory: Memory<'_>,
    account: AccountId,
    wish: &Wish,
) -> Result<(Origin, Option<Lock>), SessionRefusal> {
    if let Some(previous) = &wish.previous {
        let call = ids::call_of(previous).ok_or_else(|| SessionRefusal::NoResponse(previous.clone()))?;
        return Ok((Place::After(call).into(), None));
    }
    if let Some(conversation) = &wish.conversation {
        let unknown = || SessionRefusal::NoConversation(conversation.clone());
        let id: ConversationId = conversation.parse().map_err(|_| unknown())?;
        if !wish.store {
            return Ok((Place::In(id).into(), None));
        }
        // Others may be in it by its name.
        let known = memory.ledger.conversation(account, id).await?.ok_or_else(unknown)?;
        let lock = memory.locks.take(account, &known).ok_or(SessionRefusal::Busy)?;
        return Ok((Place::In(id).into(), Some(lock)));
    }
    let Some(name) = &wish.name else { return Ok((Place::Root.into(), None)) };
    let lock = wish.store.then(|| memory.locks.take_name(account, name).ok_or(SessionRefusal::Busy));
    Ok((Origin::Name(name.clone()), lock.transpose()?))
}

/// The history. It is parsed and weighed where it is read, and not on the worker; what cannot be parsed is left out.
async fn history(
    ledger: &Ledger,
    account: AccountId,
    origin: Origin,
    tokens_max: Option<u64>,
) -> Result<Recent<Option<Item>>, SessionError> {
    let mut tokens = 0_u64;
    let read = move |stored: store::Item| {
        let item = read_item(&stored.body).ok();
        tokens = tokens.saturating_add(item.as_ref().map_or(0, estimate));
        (item, tokens_max.is_some_and(|tokens_max| tokens > tokens_max))
    };
    let recent = ledger.recent_history(account, origin, HISTORY, read).await?;
    if recent.is_whole || tokens_max.is_some() { Ok(recent) } else { Err(SessionError::TooLong) }
}

fn unread(error: SessionError, wish: &Wish) -> SessionRefusal {
    match error {
        SessionError::TooLong => SessionRefusal::TooLong,
        SessionError::Unfinished => SessionRefusal::Unfinished(wish.previous.clone().unwrap_or_default()),
        SessionError::Ledger(error) => SessionRefusal::Store(error),
        SessionError::NotFound | SessionError::Broken | SessionError::UnknownCursor => {
            match &wish.conversation {
                Some(conversation) => SessionRefusal::NoConversation(conversation.clone()),
                None => SessionRefusal::NoResponse(wish.previous.clone().unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, Past, SessionRefusal, Wish, recall};
    use crate::clock::Clock;
    use crate::config::SessionPolicy;
    use crate::ledger::sessions::{self as store, Locks, NewTurn, Place, TurnStatus};
    use crate::ledger::{Ledger, NewAccount, StoreConfig, Terms};
    use crate::sessions::response_id;
    use domain::{AccountId, AccountKind, CallId};

    /// A turn of a question, whose text is its number, and an answer without a text.
    fn turn(account: AccountId, call: u128) -> NewTurn {
        let says = |id: String, role: &str, text: &str| store::Item {
            body: format!(r#"{{"type":"message","id":"{id}","role":"{role}","content":"{text}"}}"#),
            id,
        };
        NewTurn {
            name_if_new: None,
            call: CallId::from_bits(call),
            account,
            created_at_ms: 0,
            place: if call == 1 { Place::Root } else { Place::After(CallId::from_bits(call - 1)) },
            status: TurnStatus::Completed,
            background: false,
            head: "{}".to_owned(),
            input: vec![says(format!("msg_{call}"), "user", &call.to_string())],
            output: vec![says(format!("msg_{call}_a"), "assistant", "")],
        }
    }

    #[tokio::test]
    async fn a_history_that_is_to_be_cut_is_read_from_its_end() {
        const TURNS: u128 = 50;
        let folder = tempfile::tempdir().unwrap();
        let store = StoreConfig::Sqlite(folder.path().join("ledger.db"));
        let ledger = Ledger::open(store, Clock::System).unwrap();
        let new = NewAccount { name: "ada".into(), kind: AccountKind::Metered, terms: Terms::default() };
        let ada = ledger.create_account(new).await.unwrap().id;
        for call in 1..=TURNS {
            ledger.open_turn(turn(ada, call)).await.unwrap();
        }
        let locks = Locks::default();
        let memory = Memory { ledger: &ledger, locks: &locks, policy: SessionPolicy::default() };
        let previous = Some(response_id(CallId::from_bits(TURNS)));
        let wish = Wish { previous, ..Wish::default() };
        let texts = |past: Past| -> (Vec<String>, bool) {
            let said: Vec<String> = past.items.iter().map(|item| item.text().to_owned()).collect();
            (said.into_iter().filter(|text| !text.is_empty()).collect(), past.is_whole)
        };

        let (all, is_whole) = texts(recall(memory, ada, &wish, None).await.unwrap());
        assert!(is_whole && all.len() as u128 == TURNS && all[0] == "1");
        // An answer is taken for 16 tokens and a question for 17, so that three turns have 99.
        for (tokens_max, questions) in [(98, 3), (115, 4), (u64::MAX, 50)] {
            let (newest, is_whole) = texts(recall(memory, ada, &wish, Some(tokens_max)).await.unwrap());
            assert_eq!(newest, all[all.len() - questions..], "{tokens_max} tokens");
            assert_eq!(is_whole, questions == 50);
        }

        // What was deleted is missed by those who need it.
        assert!(ledger.delete_response(ada, CallId::from_bits(1)).await.unwrap());
        assert!(recall(memory, ada, &wish, Some(50)).await.is_ok());
        for tokens_max in [None, Some(u64::MAX)] {
            let refused = recall(memory, ada, &wish, tokens_max).await.unwrap_err();
            assert!(matches!(refused, SessionRefusal::NoResponse(_)));
        }
        ledger.close().await;
    }
}
