//! How much memory the bodies of requests, and what is kept of them, may take together: each has a limit of its own, and
//! there can be many.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Smaller bodies are not counted. The calls that may be open at once take a gigabyte of these at most.
const COUNTED_FROM: usize = 64 << 10;

/// Room is counted in units of so many bytes.
const UNIT: usize = 1 << 10;

/// The memory that all bodies share.
#[derive(Debug)]
pub struct BodyMemory {
    units: Arc<Semaphore>,
}

/// There is no room for a body now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// The room of one body, which grows while the body arrives.
#[derive(Debug, Default)]
pub struct Room {
    taken: Option<OwnedSemaphorePermit>,
}

/// A body, and the room that it takes until nobody has any of its bytes.
struct Counted {
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl BodyMemory {
    /// Memory for bodies of `bytes_max` bytes together.
    #[must_use]
    pub fn new(bytes_max: usize) -> BodyMemory {
        // Rounded as bodies are, so that one of that size fits.
        let units = bytes_max.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        BodyMemory { units: Arc::new(Semaphore::new(units)) }
    }

    /// Takes as much as a body of `bytes` bytes needs beyond the room that it has.
    ///
    /// # Errors
    /// There is not that much left.
    pub fn grow(&self, room: &mut Room, bytes: usize) -> Result<(), NoRoom> {
        if bytes < COUNTED_FROM {
            return Ok(());
        }
        let has = room.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(has)).map_err(|_| NoRoom)?;
        let more = Arc::clone(&self.units).try_acquire_many_owned(more).map_err(|_| NoRoom)?;
        match &mut room.taken {
            Some(taken) => taken.merge(more),
            None => room.taken = Some(more),
        }
        Ok(())
    }

    /// Room for `bytes` bytes.
    ///
    /// # Errors
    /// There is not that much left.
    pub fn room(&self, bytes: usize) -> Result<Room, NoRoom> {
        let mut room = Room::default();
        self.grow(&mut room, bytes)?;
        Ok(room)
    }

    /// Counts a body that is there.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn keep(&self, body: Bytes) -> Result<Bytes, NoRoom> {
        Ok(self.room(body.len())?.around(body))
    }
}

impl Room {
    /// `body`, which gives the room back when the last of its bytes is dropped.
    #[must_use]
    pub fn around(self, body: Bytes) -> Bytes {
        match self.taken {
            Some(room) => Bytes::from_owner(Counted { body, _room: room }),
            None => body,
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::{BodyMemory, Bytes, COUNTED_FROM, NoRoom, Room};

    fn body(len: usize) -> Bytes {
        vec![b'x'; len].into()
    }

    #[test]
    fn bodies_share_the_room_until_their_last_byte_is_dropped() {
        let memory = BodyMemory::new(256 << 10);
        let first = memory.keep(body(200 << 10)).unwrap();
        assert_eq!(first, body(200 << 10));
        assert_eq!(memory.keep(body(100 << 10)), Err(NoRoom));
        let slice = first.slice(10..20);
        drop(first);
        assert_eq!(memory.keep(body(100 << 10)), Err(NoRoom), "a slice is still there");
        drop(slice);
        assert!(memory.keep(body(256 << 10)).is_ok());
        assert_eq!(memory.keep(body((256 << 10) + 1)), Err(NoRoom));
    }

    #[test]
    fn a_body_as_large_as_all_may_be_fits() {
        let bytes_max = (256 << 10) + 1;
        let memory = BodyMemory::new(bytes_max);
        assert!(memory.keep(body(bytes_max)).is_ok());
    }

    #[test]
    fn small_bodies_are_not_counted() {
        let memory = BodyMemory::new(0);
        assert!(memory.keep(body(COUNTED_FROM - 1)).is_ok());
        assert_eq!(memory.keep(body(COUNTED_FROM)), Err(NoRoom));
    }

    #[test]
    fn a_body_that_arrives_takes_what_is_there_of_it_and_gives_all_back() {
        let memory = BodyMemory::new(256 << 10);
        let mut room = Room::default();
        for kib in [10, 64, 65, 65, 200] {
            memory.grow(&mut room, kib << 10).unwrap();
        }
        assert_eq!(memory.units.available_permits(), 56);
        assert_eq!(memory.grow(&mut room, 300 << 10), Err(NoRoom));
        assert_eq!(memory.units.available_permits(), 56, "what it has it keeps");
        drop(room);
        assert_eq!(memory.units.available_permits(), 256);
    }
}
