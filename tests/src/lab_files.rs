//! Lab files that several tests use: those of `labs/`, and texts that differ in names and networks only.

use std::fmt::Write as _;

/// The path of a lab file in `labs/`.
///
/// # Panics
///
/// If there is no such file.
#[must_use]
pub fn shipped(file: &str) -> String {
    let path = format!("{}/../labs/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::canonicalize(path).expect("a lab file of this repository").display().to_string()
}

/// A namespace with one link to root. `network` is a /24 without its last part, as in `10.33.0`: root has its first
/// address on `interface`, the namespace its second on `eth0`.
#[must_use]
pub fn spoke(namespace: &str, interface: &str, network: &str) -> String {
    format!(
        "[[namespace]]\nname = \"{namespace}\"\n[[link]]\n\
         a = {{ namespace = \"root\", interface = \"{interface}\", addresses = [\"{network}.1/24\"] }}\n\
         b = {{ namespace = \"{namespace}\", interface = \"eth0\", addresses = [\"{network}.2/24\"] }}\n"
    )
}

/// Namespaces with a link to root each, and with files, settings and routes: enough of each kind that a kill may fall
/// between any two of them. They are called `name` and a number from 0, and have the networks 10.9.0.0/24 and on.
#[must_use]
pub fn many_parts(name: &str, namespaces: u32) -> String {
    let mut text = String::new();
    for i in 0..namespaces {
        writeln!(
            text,
            "[[namespace]]\nname = \"{name}{i}\"\nnameservers = [\"10.9.{i}.1\"]\n\
             sysctls = {{ \"net.ipv4.ip_forward\" = \"1\" }}\n\
             routes = [{{ to = \"default\", via = \"10.9.{i}.1\" }}]\n\
             [[link]]\na = {{ namespace = \"root\", interface = \"{name}-{i}\", addresses = [\"10.9.{i}.1/24\"] }}\n\
             b = {{ namespace = \"{name}{i}\", interface = \"eth0\", addresses = [\"10.9.{i}.2/24\"] }}"
        )
        .expect("writing to a string");
    }
    text
}
