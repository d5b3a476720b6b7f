//! A machine of LXC on a bridge.

use super::{IMAGE, RuntimeHost, counted::End, ends_of};
use crate::island::Island;

/// A machine that runs.
#[derive(Debug)]
pub struct Lxc<'h> {
    island: &'h Island,
    name: &'h str,
}

impl<'h> Lxc<'h> {
    /// Starts a machine that serves a page and answers ping at `address`, behind a bridge with `gateway`.
    #[must_use]
    pub fn start(host: &'h RuntimeHost, name: &'h str, [gateway, address]: [&str; 2]) -> Self {
        let (island, folder) = (host.island(), format!("/var/lib/lxc/{name}"));
        island.sh(&format!(
            "ip link add lxcbr0 type bridge; ip address add {gateway}/24 dev lxcbr0; ip link set lxcbr0 up
             mkdir -p {folder}/rootfs; cp -a {IMAGE}/. {folder}/rootfs/
             for mounted in proc sys dev tmp etc; do mkdir -p {folder}/rootfs/$mounted; done
             cat > {folder}/config <<'END'
lxc.uts.name = {name}
lxc.rootfs.path = dir:{folder}/rootfs
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.flags = up
lxc.net.0.ipv4.address = {address}/24
lxc.apparmor.profile = unconfined
lxc.init.cmd = /bin/httpd -f -h /
END
             lxc-start -n {name} -o /run/sandbox/lxc.log -l INFO || {{ cat /run/sandbox/lxc.log; exit 1; }}"
        ));
        Self { island, name }
    }

    /// Both ends of its link.
    #[must_use]
    pub fn ends(&self) -> [End; 2] {
        let pid = self.island.sh(&format!("lxc-info -n {} -p -H", self.name));
        ends_of(self.island, &format!("nsenter -t {} -n", pid.trim()), self.name)
    }

    /// Stops it.
    pub fn stop(self) {
        self.island.sh(&format!("lxc-stop -k -n {}", self.name));
    }
}
