//! Networks that a key may be used from: blocks of addresses, written as `10.0.0.0/8` or `2001:db8::/32`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Networks in one set: a set is written by a person, and is looked through on every call.
pub const NETWORKS_MAX: usize = 64;

/// From here on a prefix of an IPv4-mapped address (`::ffff:10.0.0.0/104`) counts bits of the IPv4 address.
const MAPPED_PREFIX: u8 = 96;

/// A block of addresses that share their first bits. IPv4-mapped IPv6 addresses count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    /// The first address of the block, never an IPv4-mapped one with a prefix of 96 or more.
    first: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidNetwork {
    /// Not an address, or an address and a prefix length.
    #[error("must be an address like 192.0.2.1, or a network like 10.0.0.0/8 or 2001:db8::/32")]
    Malformed,
    /// The address is not the first of its network: one of the two is a slip.
    #[error("has bits set after the prefix: the network is {0}")]
    NotFirst(Network),
}

impl Network {
    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.prefix) == self.first
    }

    /// Whether every address of this network is in `bound`.
    #[must_use]
    pub fn is_within(&self, bound: &Network) -> bool {
        self.first.is_ipv4() == bound.first.is_ipv4()
            && self.prefix >= bound.prefix
            && masked(self.first, bound.prefix) == bound.first
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Reads a network, or a single address.
impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Network, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::Malformed)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => read_prefix(digits).filter(|&p| p <= bits).ok_or(InvalidNetwork::Malformed)?,
            None => bits,
        };
        let canonical = address.to_canonical();
        let (address, prefix) = match prefix.checked_sub(MAPPED_PREFIX) {
            Some(prefix) if address != canonical => (canonical, prefix),
            _ => (address, prefix),
        };
        let network = Network { first: masked(address, prefix), prefix };
        if network.first == address { Ok(network) } else { Err(InvalidNetwork::NotFirst(network)) }
    }
}

/// One spelling for each prefix length: no sign, no leading zero.
fn read_prefix(digits: &str) -> Option<u8> {
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

/// The address with all bits after the prefix set to zero.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

/// A set of networks: at least one, at most [`NETWORKS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Networks(Box<[Network]>);

/// A list of networks is empty or too long.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be 1 to 64 networks")]
pub struct InvalidNetworks;

impl Networks {
    /// The set of these networks, in their order.
    pub fn new(networks: impl Into<Box<[Network]>>) -> Result<Networks, InvalidNetworks> {
        let networks = networks.into();
        let fits = (1..=NETWORKS_MAX).contains(&networks.len());
        if fits { Ok(Networks(networks)) } else { Err(InvalidNetworks) }
    }

    /// The networks, in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[Network] {
        &self.0
    }

    /// Whether the address is in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Whether each network is within one of `bound`.
    #[must_use]
    pub fn are_within(&self, bound: &Networks) -> bool {
        self.0.iter().all(|own| bound.0.iter().any(|most| own.is_within(most)))
    }
}
