//! Which links carried the packets of a kind of traffic: what netmon counted there meanwhile.

use std::collections::BTreeMap;

use crate::{
    client::{Client, ClientError},
    lab::Traffic,
    names::LinkName,
    server::api::{Hook, Link, Links},
};

/// Packets that left either end of each link, the larger of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(BTreeMap<LinkName, [u64; 2]>);

impl Counts {
    pub(super) async fn read(client: &Client, traffic: &Traffic) -> Result<Self, ClientError> {
        let said: Links = client.get("/api/v1/links").await?;
        let sent = |link: &Link| [&link.a.egress, &link.b.egress].map(|hook| packets(hook, traffic));
        Ok(Self(said.links.iter().map(|link| (link.name.clone(), sent(link))).collect()))
    }

    /// What came on top.
    pub(super) fn since(&self, before: &Self) -> BTreeMap<LinkName, u64> {
        let more = |(name, now): (&LinkName, &[u64; 2])| {
            let then = before.0.get(name).copied().unwrap_or_default();
            let more = (0..2).map(|end| now[end].saturating_sub(then[end])).max().unwrap_or(0);
            (name.clone(), more)
        };
        self.0.iter().map(more).collect()
    }
}

/// The packets of the protocols that this traffic is made of.
fn packets(hook: &Hook, traffic: &Traffic) -> u64 {
    let is_it = |protocol: &str| match traffic {
        Traffic::Icmp(to) if to.is_ipv4() => protocol == "icmp",
        Traffic::Icmp(_) => protocol == "icmpv6",
        Traffic::Tcp(_) | Traffic::Http(_) => protocol == "tcp",
        Traffic::Command(_) => protocol != "arp",
    };
    hook.protocols.iter().filter(|(name, _)| is_it(name)).map(|(_, count)| count.packets).sum()
}
