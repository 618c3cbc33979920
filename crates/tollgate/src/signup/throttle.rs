//! Slows down who presents what proves nothing: by peer, and all peers together. Whoever proves who they are is never
//! slowed down.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{Bucket, Limit};

/// Failures of one peer: typing errors are fewer, and a guesser gets nowhere.
const BY_PEER: Limit = limit(6, 10);

/// Failures of all peers together: what many peers can make the gateway check. Far above what honest mistakes come to,
/// because at this limit all sign-ups wait.
const BY_ALL: Limit = limit(600, 600);

/// Peers are told apart by this many buckets, 48 KiB in all. Two that share one share its limit; who shares with whom is
/// different at every start, and cannot be foreseen.
const BUCKETS: usize = 1024;

/// What failed sign-ups have used up.
#[derive(Debug)]
pub(super) struct Throttle {
    buckets: Mutex<Buckets>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Buckets {
    all: Bucket,
    peers: Box<[Bucket]>,
}

impl Throttle {
    pub(super) fn new() -> Throttle {
        let peers = vec![Bucket::default(); BUCKETS].into_boxed_slice();
        Throttle {
            buckets: Mutex::new(Buckets { all: Bucket::default(), peers }),
            hasher: RandomState::new(),
        }
    }

    /// Whether `peer` may try at `now_ns`, a monotonic time; otherwise how long to wait.
    pub(super) fn check(&self, peer: IpAddr, now_ns: u64) -> Result<(), Duration> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |mut bucket: Bucket, limit| bucket.take(limit, 1, now_ns).map(drop);
        let refused = room(buckets.peers[self.place(peer)], BY_PEER).and_then(|()| room(buckets.all, BY_ALL));
        refused.map_err(|wait| Duration::from_nanos(wait.retry_after_ns))
    }

    /// Counts a try that proved nothing.
    pub(super) fn count_failure(&self, peer: IpAddr, now_ns: u64) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place(peer);
        // A bucket that is full already stays full: the next try is refused either way.
        let _ = buckets.peers[place].take(BY_PEER, 1, now_ns);
        let _ = buckets.all.take(BY_ALL, 1, now_ns);
    }

    /// The bucket of a peer. An IPv6 peer has a network of at least 64 bits to itself, so it counts as that network.
    fn place(&self, peer: IpAddr) -> usize {
        let hash = match peer.to_canonical() {
            IpAddr::V4(address) => self.hasher.hash_one(address),
            IpAddr::V6(address) => self.hasher.hash_one(address.to_bits() >> 64),
        };
        usize::try_from(hash % BUCKETS as u64).unwrap_or(0)
    }
}

const fn limit(per_minute: u64, burst: u64) -> Limit {
    match Limit::new(per_minute, burst) {
        Ok(limit) => limit,
        Err(_) => panic!("the limit is within its bounds"),
    }
}

#[cfg(test)]
mod tests {
    use super::{BY_ALL, BY_PEER, Throttle};

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn a_peer_that_fails_waits_and_others_do_not() {
        let throttle = Throttle::new();
        let guesser = "203.0.113.7".parse().unwrap();
        for _ in 0..BY_PEER.burst() {
            assert_eq!(throttle.check(guesser, 0), Ok(()));
            throttle.count_failure(guesser, 0);
        }
        let wait = throttle.check(guesser, 0).unwrap_err();
        assert_eq!(wait.as_secs(), 60 / BY_PEER.per_minute());
        assert_eq!(throttle.check(guesser, 10 * SECOND_NS), Ok(()), "after the wait it may try again");
        // One of two strangers has surely another bucket; both have it but for one in a thousand.
        let strangers = ["198.51.100.1", "2001:db8::1", "192.0.2.1", "2001:db9::1"];
        let free = strangers.iter().filter(|peer| throttle.check(peer.parse().unwrap(), 0).is_ok()).count();
        assert!(free >= 3, "{free}");
    }

    #[test]
    fn addresses_of_one_network_are_one_peer() {
        let throttle = Throttle::new();
        for host in 0..BY_PEER.burst() {
            throttle.count_failure(format!("2001:db8:1:2::{host:x}").parse().unwrap(), 0);
            throttle.count_failure(format!("::ffff:192.0.2.{}", 9).parse().unwrap(), 0);
        }
        assert!(throttle.check("2001:db8:1:2:ffff::1".parse().unwrap(), 0).is_err());
        assert!(throttle.check("192.0.2.9".parse().unwrap(), 0).is_err());
    }

    #[test]
    fn many_peers_together_are_limited() {
        let throttle = Throttle::new();
        for peer in 0..u32::try_from(BY_ALL.burst()).unwrap() {
            throttle.count_failure(std::net::Ipv4Addr::from_bits(peer << 8).into(), 0);
        }
        assert!(throttle.check("198.51.100.1".parse().unwrap(), 0).is_err());
        assert_eq!(throttle.check("198.51.100.1".parse().unwrap(), 11 * SECOND_NS), Ok(()));
    }
}
