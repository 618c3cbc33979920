//! Sessions on real databases: what was acknowledged is there, what was deleted is not, and nothing is another's.

mod background;
mod conversations;
mod foreign;
mod model;
mod retention;
mod scale;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::{AccountId, AccountKind, CallId, ConversationId};
use tempfile::TempDir;

use super::{Books, NOW_MS, account, money, receipt};
use crate::clock::Clock;
use crate::ledger::sessions::{
    Bounds, Item, ItemPage, NewConversation, NewTurn, Order, Origin, Place, SessionError, TurnStatus,
};
use crate::ledger::{Account, Ledger, StoreConfig};

/// More than any test has.
const WIDE: Bounds = Bounds { items_max: 1_000_000, bytes_max: 1 << 30 };

/// A ledger with an account, and a clock that the test moves.
struct Desk {
    books: Books,
    now_ms: Arc<AtomicI64>,
    ada: Arc<Account>,
}

impl Desk {
    async fn open() -> Desk {
        let (folder, now_ms) = (tempfile::tempdir().unwrap(), Arc::new(AtomicI64::new(NOW_MS)));
        let ledger = ledger_at(&folder, &now_ms);
        let ada = account(&ledger, AccountKind::Prepaid, 1_000_000).await;
        Desk { books: Books { folder, ledger }, now_ms, ada }
    }

    fn ledger(&self) -> &Ledger {
        &self.books.ledger
    }

    async fn reopen(self) -> Desk {
        let Desk { books: Books { folder, ledger }, now_ms, ada } = self;
        let bytes = ledger.session_bytes(ada.id);
        ledger.close().await;
        let ledger = ledger_at(&folder, &now_ms);
        let ada = ledger.account(ada.id).unwrap();
        assert_eq!(ledger.session_bytes(ada.id), bytes, "the bytes in memory are those in the store");
        Desk { books: Books { folder, ledger }, now_ms, ada }
    }

    /// The audit compares every count of bytes with its rows.
    async fn close(self) {
        let desk = self.reopen().await;
        desk.books.close().await;
    }

    fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// A call with that turn, from admission to commit.
    async fn settle(&self, turn: NewTurn) {
        let mut admission = self.ledger().try_admit(&self.ada).unwrap();
        admission.hold(money(100)).unwrap();
        let receipt = receipt(self.ada.id, turn.call.to_bits(), 10);
        admission.store_turn(Box::new(turn));
        admission.settle(receipt).await.unwrap();
    }

    /// A turn of the account with items of these names.
    fn turn(&self, call: u128, place: Place, input: &[&str], output: &[&str]) -> NewTurn {
        NewTurn {
            name_if_new: None,
            call: CallId::from_bits(call),
            account: self.ada.id,
            created_at_ms: self.now_ms.load(Ordering::Relaxed),
            place,
            status: TurnStatus::Completed,
            background: false,
            head: format!("{{\"call\":{call}}}"),
            input: items(input),
            output: items(output),
        }
    }

    /// The names of what a turn in that place goes on from.
    async fn history(&self, place: Place) -> Result<String, SessionError> {
        let items = history(self.ledger(), self.ada.id, place, WIDE).await?;
        items.iter().for_each(check);
        Ok(names(&items))
    }

    /// The place of the conversation that the account names so.
    async fn named(&self, account: AccountId, name: &str) -> Place {
        let origin = Origin::Name(name.to_owned());
        self.ledger().recent_history(account, origin, WIDE, |item| (item, false)).await.unwrap().place
    }

    async fn conversation(&self, id: u128, first: &[&str]) {
        let new = NewConversation {
            id: ConversationId::from_bits(id),
            name: None,
            metadata: "{}".to_owned(),
            items: items(first),
        };
        assert!(self.ledger().create_conversation(self.ada.id, new).await.unwrap());
    }

    async fn listed(&self, id: u128) -> String {
        let id = ConversationId::from_bits(id);
        let list = self.ledger().conversation_items(self.ada.id, id, page(100, Order::Asc, None)).await;
        names(&list.unwrap().items)
    }
}

/// All that a turn in that place goes on from, the oldest first.
async fn history(
    ledger: &Ledger,
    account: AccountId,
    place: Place,
    bounds: Bounds,
) -> Result<Vec<Item>, SessionError> {
    let recent = ledger.recent_history(account, place.into(), bounds, |item| (item, false)).await?;
    if recent.is_whole { Ok(recent.items) } else { Err(SessionError::TooLong) }
}

fn ledger_at(folder: &TempDir, now_ms: &Arc<AtomicI64>) -> Ledger {
    let clock = Clock::Manual(Arc::clone(now_ms));
    Ledger::open(StoreConfig::Sqlite(folder.path().join("ledger.db")), clock).expect("a ledger")
}

fn after(call: u128) -> Place {
    Place::After(CallId::from_bits(call))
}

fn within(id: u128) -> Place {
    Place::In(ConversationId::from_bits(id))
}

fn page(limit: u32, order: Order, after: Option<&str>) -> ItemPage {
    ItemPage { limit, order, after: after.map(str::to_owned) }
}

fn items(names: &[&str]) -> Vec<Item> {
    names.iter().map(|name| Item { id: (*name).to_owned(), body: body(name) }).collect()
}

fn body(name: &str) -> String {
    format!("{{\"text\":\"this is {name}\"}}")
}

fn check(item: &Item) {
    assert_eq!(item.body, body(&item.id));
}

fn names(items: &[Item]) -> String {
    items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>().join(" ")
}
