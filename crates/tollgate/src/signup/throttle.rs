//! Slows down who presents what proves nothing, by peer. Nobody is slowed down by what others do: a bound on all peers
//! together would let a few of them keep every visitor out, and guessing is hopeless without one. A code has 128 random
//! bits, a token a signature, and so many sign-ups are checked at once and no more.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{Bucket, Limit};

/// Failures of one peer: typing errors are fewer, and a guesser gets nowhere.
const BY_PEER: Limit = limit(6, 10);

/// Failures of all peers of one IPv6 network of 48 bits, which is a site or some homes: ten peers' worth. It keeps
/// who has such a network, with 65,536 peers in it, from using up everybody's buckets.
const BY_SITE: Limit = limit(60, 100);

/// Peers are told apart by this many buckets, and sites by as many more: 96 KiB in all. Two that share one share its
/// limit; who shares with whom is different at every start, and cannot be foreseen.
const BUCKETS: usize = 1024;

/// What failed sign-ups have used up.
#[derive(Debug)]
pub(super) struct Throttle {
    buckets: Mutex<Buckets>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Buckets {
    peers: Box<[Bucket]>,
    sites: Box<[Bucket]>,
}

/// Where a peer's failures are counted.
struct Places {
    peer: usize,
    site: Option<usize>,
}

impl Throttle {
    pub(super) fn new() -> Throttle {
        let full = || vec![Bucket::default(); BUCKETS].into_boxed_slice();
        let buckets = Mutex::new(Buckets { peers: full(), sites: full() });
        Throttle { buckets, hasher: RandomState::new() }
    }

    /// Whether `peer` may try at `now_ns`, a monotonic time; otherwise how long to wait.
    pub(super) fn check(&self, peer: IpAddr, now_ns: u64) -> Result<(), Duration> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.places(peer);
        let room = |mut bucket: Bucket, limit| bucket.take(limit, 1, now_ns).map(drop);
        let by_site = || places.site.map_or(Ok(()), |site| room(buckets.sites[site], BY_SITE));
        let refused = room(buckets.peers[places.peer], BY_PEER).and_then(|()| by_site());
        refused.map_err(|wait| Duration::from_nanos(wait.retry_after_ns))
    }

    /// Counts a try that proved nothing.
    pub(super) fn count_failure(&self, peer: IpAddr, now_ns: u64) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.places(peer);
        // A bucket that is full already stays full: the next try is refused either way.
        let _ = buckets.peers[places.peer].take(BY_PEER, 1, now_ns);
        if let Some(site) = places.site {
            let _ = buckets.sites[site].take(BY_SITE, 1, now_ns);
        }
    }

    /// The buckets of a peer. An IPv6 peer has a network of at least 64 bits to itself, so it counts as that network.
    fn places(&self, peer: IpAddr) -> Places {
        match peer.to_canonical() {
            IpAddr::V4(address) => Places { peer: self.place(address.to_bits().into()), site: None },
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                Places { peer: self.place(bits >> 64), site: Some(self.place(bits >> 80)) }
            }
        }
    }

    fn place(&self, bits: u128) -> usize {
        usize::try_from(self.hasher.hash_one(bits) % BUCKETS as u64).unwrap_or(0)
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
    use super::{BY_PEER, BY_SITE, Throttle};

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
    fn no_number_of_others_that_fail_keeps_a_visitor_out() {
        let throttle = Throttle::new();
        // Sixty addresses that fail as often as they can, and a network of 48 bits that fails from each of its own.
        for peer in 0..60 {
            for _ in 0..BY_PEER.burst() {
                throttle.count_failure(std::net::Ipv4Addr::from_bits(0x7f01_0007 + (peer << 8)).into(), 0);
            }
        }
        let mut failures = 0;
        for peer in 0..=u16::MAX {
            let peer = std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, peer, 0, 0, 0, 1).into();
            if throttle.check(peer, 0).is_ok() {
                throttle.count_failure(peer, 0);
                failures += 1;
            }
        }
        assert_eq!(failures, BY_SITE.burst(), "the network is one site");
        // A visitor shares a bucket with one of the sixty about once in seventeen times, and not a hundred times.
        let visitors = (0..100).map(|at| std::net::Ipv4Addr::new(198, 51, 100, at).into());
        let free = visitors.filter(|visitor| throttle.check(*visitor, 0) == Ok(())).count();
        assert!(free >= 70, "{free}");
    }
}
