//! What an OCI bundle says of a container: the annotations that container runtimes write for Kubernetes.
//!
//! A runtime keeps `config.json` beside each container that runs, for root only. Reading it needs no daemon, no gRPC and no
//! token of the API server.

use std::collections::BTreeMap;

use netmon_model::survey::Pod;
use serde_json::Value;

use super::facts::Facts;

/// Keys of containerd's CRI plugin.
const CONTAINERD: Keys = Keys {
    pod: "io.kubernetes.cri.sandbox-name",
    namespace: "io.kubernetes.cri.sandbox-namespace",
    uid: "io.kubernetes.cri.sandbox-uid",
    kind: "io.kubernetes.cri.container-type",
    image: "io.kubernetes.cri.image-name",
};
/// Keys of CRI-O.
const CRI_O: Keys = Keys {
    pod: "io.kubernetes.pod.name",
    namespace: "io.kubernetes.pod.namespace",
    uid: "io.kubernetes.pod.uid",
    kind: "io.kubernetes.cri-o.ContainerType",
    image: "io.kubernetes.cri-o.ImageName",
};
/// The name that nerdctl gave a container.
const NERDCTL_NAME: &str = "nerdctl/name";
/// The kind of the container that holds a pod's namespaces.
const SANDBOX: &str = "sandbox";

struct Keys {
    pod: &'static str,
    namespace: &'static str,
    uid: &'static str,
    kind: &'static str,
    image: &'static str,
}

/// Reads the facts in a bundle's configuration. Returns `None` if it is not JSON, or says nothing of use.
pub(in crate::discover) fn parse(config: &[u8]) -> Option<Facts> {
    let config: Value = serde_json::from_slice(config).ok()?;
    let annotations: BTreeMap<&str, &str> = config
        .get("annotations")?
        .as_object()?
        .iter()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    let name = annotations.get(NERDCTL_NAME).map(|name| (*name).to_owned());
    let facts = [CONTAINERD, CRI_O].iter().find_map(|keys| of_pod(&annotations, keys));
    match (facts, name) {
        (Some(facts), name) => Some(Facts { name, ..facts }),
        (None, Some(name)) => Some(Facts { name: Some(name), ..Facts::default() }),
        (None, None) => None,
    }
}

fn of_pod(annotations: &BTreeMap<&str, &str>, keys: &Keys) -> Option<Facts> {
    let text =
        |key: &str| annotations.get(key).filter(|text| !text.is_empty()).map(|text| (*text).to_owned());
    let pod = Pod { name: text(keys.pod)?, namespace: text(keys.namespace)?, uid: text(keys.uid) };
    let is_sandbox = annotations.get(keys.kind) == Some(&SANDBOX);
    Some(Facts { pod: Some(pod), is_sandbox, image: text(keys.image), ..Facts::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Pod {
        Pod { name: "web-0".to_owned(), namespace: "shop".to_owned(), uid: Some("u1".to_owned()) }
    }

    #[test]
    fn the_sandbox_of_a_pod_is_known_with_containerd_and_with_cri_o() {
        let containerd = br#"{"ociVersion": "1.0.2", "annotations": {
            "io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-name": "web-0",
            "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-uid": "u1"}}"#;
        let cri_o = br#"{"annotations": {"io.kubernetes.cri-o.ContainerType": "sandbox",
            "io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop",
            "io.kubernetes.pod.uid": "u1", "odd": 7}}"#;
        for config in [&containerd[..], cri_o] {
            let facts = parse(config).unwrap();
            assert_eq!((facts.pod, facts.is_sandbox), (Some(pod()), true));
        }
    }

    #[test]
    fn another_container_of_a_pod_is_no_sandbox() {
        let config = br#"{"annotations": {"io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.sandbox-name": "web-0", "io.kubernetes.cri.sandbox-namespace": "shop",
            "io.kubernetes.cri.image-name": "nginx:1"}}"#;
        let facts = parse(config).unwrap();
        assert!(!facts.is_sandbox);
        assert_eq!(facts.image.as_deref(), Some("nginx:1"));
        assert_eq!(facts.pod.unwrap().uid, None);
    }

    #[test]
    fn a_container_of_nerdctl_has_its_name() {
        let facts = parse(br#"{"annotations": {"nerdctl/name": "web"}}"#).unwrap();
        assert_eq!((facts.name.as_deref(), facts.pod), (Some("web"), None));
    }

    #[test]
    fn a_bundle_that_says_nothing_of_use_has_no_facts() {
        for config in [&b"{}"[..], b"not json", br#"{"annotations": []}"#, br#"{"annotations": {"a": "b"}}"#]
        {
            assert_eq!(parse(config), None);
        }
    }
}
