//! From where a request comes: the peer of its connection, or whom a trusted proxy names.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::Network;

use crate::gateway::Worker;

/// The header in which each proxy appends the address that it was connected from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Proxies behind each other: more than any sensible set-up has.
const HOPS_MAX: usize = 16;

/// The address at the other end of the connection, as each of its requests carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The address of the client that asks, for handlers; `None` when it cannot be told.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequestParts<Arc<Worker>> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, worker: &Arc<Worker>) -> Result<Self, Infallible> {
        Ok(ClientAddress(client_address(parts, &worker.gateway.config.server.trusted_proxies)))
    }
}

/// The address of the client. Proxies in the `trusted` networks are believed about whom they were connected from; what
/// stands before that, anybody can have written. `None` when it cannot be told.
pub(super) fn client_address(parts: &Parts, trusted: &[Network]) -> Option<IpAddr> {
    let Peer(peer) = *parts.extensions.get::<Peer>()?;
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut last = peer;
    let named = parts.headers.get_all(FORWARDED_FOR).into_iter().rev();
    let mut hops = named.flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b','));
    for _ in 0..HOPS_MAX {
        if !is_trusted(last) {
            return Some(last);
        }
        match hops.next() {
            Some(hop) => last = read(hop)?,
            // Nobody stands before the last proxy: it asks for itself.
            None => return Some(last),
        }
    }
    None
}

/// An address as proxies write it: with or without a port, and IPv6 with brackets or without.
fn read(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop.trim_ascii()).ok()?;
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(bare).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn seen(peer: &str, headers: &[&str], trusted: &[&str]) -> Option<String> {
        let mut request = Request::builder();
        for header in headers {
            request = request.header(FORWARDED_FOR, *header);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Peer(peer.parse().unwrap()));
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_address(&parts, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_its_own_peer() {
        let proxies = ["10.0.0.0/8", "2001:db8::/32"];
        let many = vec!["10.0.0.2"; 100].join(",");
        for (peer, headers, expected) in [
            ("192.0.2.1", &[][..], Some("192.0.2.1")),
            ("192.0.2.1", &["203.0.113.9"], Some("192.0.2.1")),
            ("10.0.0.1", &[], Some("10.0.0.1")),
            ("10.0.0.1", &["203.0.113.9"], Some("203.0.113.9")),
            ("::ffff:10.0.0.1", &["203.0.113.9"], Some("203.0.113.9")),
            // What the client wrote itself stands on the left.
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9"], Some("203.0.113.9")),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.9"], Some("203.0.113.9")),
            ("10.0.0.1", &["nonsense, 203.0.113.9"], Some("203.0.113.9")),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9 , 10.0.0.2"], Some("203.0.113.9")),
            ("10.0.0.1", &["203.0.113.9", "10.0.0.2", "2001:db8::1"], Some("203.0.113.9")),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], Some("10.0.0.3")),
            ("10.0.0.1", &["203.0.113.9:1234"], Some("203.0.113.9")),
            ("10.0.0.1", &["[2001:db9::1]:1234"], Some("2001:db9::1")),
            ("10.0.0.1", &["[2001:db9::1]"], Some("2001:db9::1")),
            // What cannot be read is nobody's address.
            ("10.0.0.1", &[""], None),
            ("10.0.0.1", &["203.0.113.9,"], None),
            ("10.0.0.1", &["unknown"], None),
            ("10.0.0.1", &["203.0.113.9 10.0.0.2"], None),
            ("10.0.0.1", &["203.0.113.9;10.0.0.2"], None),
            ("10.0.0.1", &["\u{e9}"], None),
            ("10.0.0.1", &[many.as_str()], None),
        ] {
            assert_eq!(seen(peer, headers, &proxies).as_deref(), expected, "{peer} {headers:?}");
            assert_eq!(
                seen(peer, headers, &[]).as_deref(),
                Some(peer),
                "{peer} {headers:?}: nobody is trusted"
            );
        }
    }
}
