//! What was generated, read back as a lab: nothing twice, and everybody is reached.

mod reach;

use std::collections::HashSet;

use netmon_model::lab::{Lab, ServiceKind};

use super::*;

const SIZES: [usize; 7] = [1, 2, 3, 5, 50, 254, 1000];

fn wish(kind: Kind, namespaces: usize) -> Wish {
    Wish { kind, namespaces: Some(namespaces), name: None, subnet: None, http: false }
}

fn parsed(text: &str) -> Lab {
    crate::parse(text, "generated", "generated").unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"))
}

/// Every lab of a usual size that fits.
fn labs(kind: Kind) -> impl Iterator<Item = (usize, Lab)> {
    SIZES.into_iter().filter_map(move |size| Some((size, parsed(&lab_file(&wish(kind, size)).ok()?))))
}

#[test]
fn every_kind_of_every_size_that_fits_is_a_lab_of_that_size_with_no_address_twice() {
    let mut fitting = Vec::new();
    for kind in Kind::ALL {
        for (size, lab) in labs(kind) {
            assert_eq!((lab.namespaces.len(), lab.name.as_str()), (size, kind.as_str()));
            let ends = || lab.links.iter().flat_map(|link| [&link.a, &link.b]);
            let addresses: Vec<_> = ends().flat_map(|end| &end.addresses).map(ipnet::IpNet::addr).collect();
            let distinct: HashSet<_> = addresses.iter().collect();
            assert_eq!(distinct.len(), addresses.len(), "{kind:?} {size}");
            fitting.push((kind, size));
        }
    }
    let largest = |kind| fitting.iter().filter(|(is, _)| *is == kind).map(|(_, size)| *size).max();
    assert_eq!(largest(Kind::Star), Some(1000));
    assert_eq!(largest(Kind::Chain), Some(254));
    assert_eq!(largest(Kind::Ring), Some(254));
    assert_eq!(largest(Kind::Mesh), Some(50));
    assert_eq!(largest(Kind::Direct), Some(1));
}

#[test]
fn every_kind_has_the_links_that_its_name_promises() {
    let links = |kind, size| parsed(&lab_file(&wish(kind, size)).unwrap()).links.len();
    assert_eq!(SIZES.map(|n| links(Kind::Star, n)), SIZES);
    assert_eq!([1, 2, 3, 5].map(|n| links(Kind::Chain, n)), [0, 1, 2, 4]);
    assert_eq!([1, 2, 3, 5].map(|n| links(Kind::Ring, n)), [0, 2, 3, 5]);
    assert_eq!([1, 2, 3, 5].map(|n| links(Kind::Mesh, n)), [0, 1, 3, 10]);
}

#[test]
fn direct_is_the_built_in_lab() {
    let (lab, built_in) = (parsed(&lab_file(&wish(Kind::Direct, 1)).unwrap()), crate::built_in());
    assert_eq!(
        (lab.name, lab.namespaces, lab.links, lab.services),
        (built_in.name, built_in.namespaces, built_in.links, built_in.services)
    );
}

#[test]
fn a_small_star_is_written_like_this() {
    let expected = r#"# A star: one namespace, joined to root by a link each. Made by
#
#     netmon generate star -n 1 --name "it's" --subnet 10.9.0.0/24 --http > "it's.toml"
"#;
    let name = Some("it's".parse().unwrap());
    let subnet = Some("10.9.0.0/24".parse().unwrap());
    let text = lab_file(&Wish { name, subnet, http: true, ..wish(Kind::Star, 1) }).unwrap();
    let expected = expected.replace("\"it's\"", r"'it'\''s'").replace("\"it's.toml\"", r"'it'\''s.toml'");
    assert!(text.starts_with(&expected), "{text}");
    let rest = r#"
#     netmon up 'it'\''s.toml'
#     ping 10.9.0.2
#     netmon graph 'it'\''s.toml'
#     netmon down 'it'\''s.toml'

name = "it's"

[[namespace]]
name = "it's-1"
routes = [{ to = "default", via = "10.9.0.1" }]

[[link]]
a = { namespace = "root", interface = "it's-1", addresses = ["10.9.0.1/30"] }
b = { namespace = "it's-1", interface = "eth0", addresses = ["10.9.0.2/30"] }

[[service]]
namespace = "it's-1"
http = "0.0.0.0:80"
"#;
    assert!(text.ends_with(rest), "{text}");
    assert_eq!(parsed(&text).services.len(), 1);
}

#[test]
fn a_bridge_is_written_like_this() {
    let text = lab_file(&wish(Kind::Bridge, 2)).unwrap();
    let expected = r#"
#     ping 10.201.0.3
#     netmon graph bridge.toml
#     netmon down bridge.toml

name = "bridge"

[[bridge]]
name = "br0"
namespace = "root"
addresses = ["10.201.0.1/24"]

[[namespace]]
name = "bridge-1"

[[namespace]]
name = "bridge-2"

[[link]]
a = { namespace = "root", interface = "bridge-1", bridge = "br0" }
b = { namespace = "bridge-1", interface = "eth0", addresses = ["10.201.0.2/24"] }

[[link]]
a = { namespace = "root", interface = "bridge-2", bridge = "br0" }
b = { namespace = "bridge-2", interface = "eth0", addresses = ["10.201.0.3/24"] }
"#;
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_lab_that_does_not_fit_is_refused_with_the_largest_that_does() {
    let rows = [
        (
            Kind::Direct,
            None,
            "2 namespaces do not fit: the largest direct in 10.200.0.0/24 has 1 (it has always one)",
        ),
        (
            Kind::Star,
            Some("10.9.0.0/24"),
            "the largest star in 10.9.0.0/24 has 64 (it has no more addresses;",
        ),
        (
            Kind::Bridge,
            None,
            "the largest bridge in 10.201.0.0/16 has 1023 (a bridge has 1023 ports at most)",
        ),
        (
            Kind::Chain,
            None,
            "the largest chain in 10.203.0.0/16 has 256 (a packet crosses 254 routers at most)",
        ),
        (
            Kind::Ring,
            None,
            "the largest ring in 10.204.0.0/16 has 511 (a packet crosses 254 routers at most)",
        ),
        (Kind::Mesh, None, "the largest mesh in 10.205.0.0/16 has 181 (it has no more addresses;"),
    ];
    for (kind, subnet, message) in rows {
        let subnet = subnet.map(|subnet| subnet.parse().unwrap());
        let of = |size| lab_file(&Wish { subnet, ..wish(kind, size) });
        let wanted = if kind == Kind::Direct { 2 } else { 20_000 };
        let error = of(wanted).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        let GenerateError::TooMany { largest, .. } = error else { panic!("{error}") };
        let text = of(largest).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parsed(&text).namespaces.len(), largest);
        assert!(of(largest + 1).is_err(), "{kind:?}");
    }
}

#[test]
fn a_lab_is_no_larger_than_its_file_may_be() {
    let subnet = Some("10.0.0.0/8".parse().unwrap());
    for kind in [Kind::Star, Kind::Mesh] {
        let of = |size| lab_file(&Wish { subnet, http: true, ..wish(kind, size) });
        let error = of(1_000_000).unwrap_err();
        let GenerateError::TooMany { largest, bound: Bound::File, .. } = error else { panic!("{error}") };
        assert!(of(largest).is_ok() && of(largest + 1).is_err(), "{kind:?} {largest}");
    }
}

#[test]
fn no_namespaces_and_networks_without_hosts_are_refused() {
    assert_eq!(lab_file(&wish(Kind::Star, 0)), Err(GenerateError::Nothing));
    for (subnet, message) in [
        ("224.0.0.0/16", "is no network for hosts"),
        ("127.0.0.0/16", "is no network for hosts"),
        ("0.0.0.0/0", "is no network for hosts"),
        ("10.0.0.0/31", "no star fits into 10.0.0.0/31: it has no more addresses"),
    ] {
        let subnet = Some(subnet.parse().unwrap());
        let error = lab_file(&Wish { subnet, ..wish(Kind::Star, 1) }).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn with_http_every_namespace_has_a_server() {
    for kind in [Kind::Star, Kind::Chain, Kind::Ring, Kind::Mesh] {
        let lab = parsed(&lab_file(&Wish { http: true, ..wish(kind, 5) }).unwrap());
        assert_eq!(lab.services.len(), 5);
        assert!(lab.services.iter().all(|service| matches!(service.kind, ServiceKind::Http(_))));
    }
}

#[test]
fn the_longest_name_still_makes_a_lab() {
    for kind in [Kind::Direct, Kind::Star, Kind::Chain, Kind::Ring, Kind::Mesh] {
        let name = Some("n".repeat(64).parse().unwrap());
        parsed(&lab_file(&Wish { name, namespaces: None, ..wish(kind, 0) }).unwrap());
    }
}
