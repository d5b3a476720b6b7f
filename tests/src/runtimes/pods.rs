//! Pods as containerd and the plugins of the Container Network Interface make them, without a kubelet.

use std::time::Duration;

use super::{IMAGE, RuntimeHost, counted::End, ends_of};
use crate::{contained::id, eventually::eventually, island::Island, running::Running};

const PATIENCE: Duration = Duration::from_secs(60);
/// What is not needed here, and what this kernel may not have.
const SETTINGS: &str = "version = 2
disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.snapshotter.v1.devmapper\"]
";
/// The bridge of a node.
const NETWORK: &str = r#"{"cniVersion": "0.4.0", "name": "pods", "type": "bridge", "bridge": "cni0",
    "isGateway": true, "ipam": {"type": "host-local", "subnet": "10.85.0.0/24"}}"#;
const UID: &str = "0a1b2c3d-0000-1111-2222-333344445555";

/// containerd. It ends with its host.
#[derive(Debug)]
pub struct Pods<'h> {
    island: &'h Island,
    _daemon: Running,
}

impl<'h> Pods<'h> {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    #[must_use]
    pub fn start(host: &'h RuntimeHost) -> Self {
        let island = host.island();
        island.sh(&format!(
            "mkdir -p /etc/containerd; cat > /etc/containerd/config.toml <<'END'\n{SETTINGS}END"
        ));
        let daemon = island.start("containerd", "exec containerd");
        eventually("an answer of containerd", PATIENCE, || {
            let ready = "ctr version > /dev/null 2>&1 && echo yes || true";
            (island.sh(ready).trim() == "yes").then_some(())
        });
        Self { island, _daemon: daemon }
    }

    /// Makes the pod's network as a kubelet has it made, and starts its pause process. Returns its address.
    ///
    /// `digit` makes the sandbox's id.
    #[must_use]
    pub fn add(&self, namespace: &str, name: &str, digit: char) -> String {
        let (id, netns) = (id(digit), netns(digit));
        let said = self.island.sh(&format!(
            "ip netns add {netns}
             export CNI_COMMAND=ADD CNI_CONTAINERID={id} CNI_NETNS=/run/netns/{netns} CNI_IFNAME=eth0
             CNI_PATH=/usr/lib/cni /usr/lib/cni/bridge <<'END'\n{NETWORK}\nEND"
        ));
        let say = |key: &str, value: &str| format!("--annotation io.kubernetes.cri.{key}={value}");
        let annotations = [
            say("container-type", "sandbox"),
            say("sandbox-name", name),
            say("sandbox-namespace", namespace),
            say("sandbox-uid", UID),
        ];
        self.island.sh(&format!(
            "ctr -n k8s.io run -d --rootfs --cpu-shares 0 --with-ns network:/run/netns/{netns} \
             --cgroup /kubepods/besteffort/pod{UID}/{id} {} {IMAGE} {id} /bin/httpd -f -h /",
            annotations.join(" ")
        ));
        let json: serde_json::Value = serde_json::from_str(&said).expect("a plugin prints JSON");
        let address = json["ips"][0]["address"].as_str().expect("an address");
        address.split('/').next().unwrap_or_default().to_owned()
    }

    /// Ends the pod's process and removes its network.
    pub fn delete(&self, digit: char) {
        let (id, netns) = (id(digit), netns(digit));
        self.island.sh(&format!(
            "ctr -n k8s.io task kill -s KILL {id}; ctr -n k8s.io task delete {id} || true
             ctr -n k8s.io container rm {id}
             export CNI_COMMAND=DEL CNI_CONTAINERID={id} CNI_NETNS=/run/netns/{netns} CNI_IFNAME=eth0
             CNI_PATH=/usr/lib/cni /usr/lib/cni/bridge <<'END'\n{NETWORK}\nEND
             ip netns delete {netns}"
        ));
    }

    /// Both ends of the link of the pod.
    #[must_use]
    pub fn ends(&self, digit: char, called: &str) -> [End; 2] {
        ends_of(self.island, &format!("ip netns exec {}", netns(digit)), called)
    }
}

/// A name as network plugins draw it.
fn netns(digit: char) -> String {
    format!("cni-{}-0000-1111-2222-333344445555", id(digit).get(..8).unwrap_or_default())
}
