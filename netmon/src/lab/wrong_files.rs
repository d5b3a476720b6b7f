//! Wrong lab files, one for each rule, with the place and the words of the complaint.

use super::*;

#[test]
fn the_built_in_lab_is_the_classic_first_exercise() {
    let lab = Lab::built_in();
    assert_eq!((lab.name.as_str(), lab.source.as_str()), ("direct", "built-in"));
    let link = &lab.links[0];
    assert_eq!(link.name.as_str(), "root:veth0--direct_netns:veth1");
    assert_eq!(link.a.addresses[0].to_string(), "10.200.0.2/24");
    assert_eq!(link.b.addresses[0].to_string(), "10.200.0.3/24");
    assert_eq!(lab.namespaces[0].nameservers, Some(Vec::new()));
    assert_eq!(lab.services[0].kind, ServiceKind::Http("10.200.0.3:80".parse().unwrap()));
}
