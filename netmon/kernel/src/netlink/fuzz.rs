//! An entry point for fuzz targets: what the kernel sent over rtnetlink, as any bytes.
//!
//! It does with a reply what each caller of this module does with it, and asks the kernel nothing.

use rtnetlink::{
    packet_core::NetlinkPayload,
    packet_route::{RouteNetlinkMessage, tc::TcMessage},
};

use super::{
    address,
    clsact::Filter,
    ipv6, link,
    loss_filter::LossFilter,
    qdisc::{self, Qdisc},
    route, socket, watch,
};

/// Reads `bytes` as one read of a socket, and each message as a row of every table.
///
/// Returns how many rows and explanations were found. Returns `None` if the bytes are no messages.
#[must_use]
pub fn reply(bytes: &[u8]) -> Option<usize> {
    let messages = socket::parse_all(bytes).ok()?;
    let found = messages.into_iter().map(|message| {
        let event = usize::from(watch::event(message.payload.clone()).is_some());
        event
            + match message.payload {
                NetlinkPayload::InnerMessage(row) => rows(&row),
                NetlinkPayload::Error(answer) => usize::from(socket::explanation(&answer.header).is_some()),
                _ => 0,
            }
    });
    Some(found.sum())
}

fn rows(row: &RouteNetlinkMessage) -> usize {
    let route = route::installed::route(row.clone());
    let route = route.map(|route| route.restore().what().len() + route.to_string().len());
    let qdisc = qdisc::qdisc(row.clone()).map(|qdisc| amounts(&qdisc));
    let filter = match row {
        RouteNetlinkMessage::NewTrafficFilter(filter) => Some(owner(filter)),
        _ => None,
    };
    let found = [
        link::interface(row.clone()).is_some(),
        address::address(row.clone()).is_some_and(|address| address.is_link_local()),
        ipv6::state(row.clone()).is_some(),
        route.is_some(),
        qdisc.is_some(),
        filter.is_some(),
    ];
    found.into_iter().filter(|is_found| *is_found).count()
}

fn amounts(qdisc: &Qdisc) -> bool {
    qdisc.netem().is_some() || qdisc.token_bucket().is_some()
}

fn owner(filter: &TcMessage) -> bool {
    let filter = Filter::from_message(filter);
    filter.is_ours() || LossFilter::from_filter(&filter).is_some()
}

#[cfg(test)]
mod tests {
    use rtnetlink::{packet_core::NetlinkMessage, packet_route::link::LinkMessage};

    use super::*;

    #[test]
    fn an_interface_is_found_as_a_row_and_as_an_event() {
        let mut message = NetlinkMessage::from(RouteNetlinkMessage::NewLink(LinkMessage::default()));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        assert_eq!(reply(&bytes), Some(2));
        assert_eq!(reply(&bytes[..bytes.len() - 1]), None);
    }
}
