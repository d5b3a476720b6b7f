//! Tells the eBPF linker which instructions it may use. Does nothing on the host.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("bpf") {
        // Headers are read in words, as the kernel's own bytecode does on every 64-bit machine.
        println!("cargo:rustc-link-arg-bins=--cpu-features=+allows-misaligned-mem-access");
        // Otherwise every small memset calls a loop over bytes, by which a new connection took 60 ns longer.
        println!("cargo:rustc-link-arg-bins=--disable-expand-memcpy-in-order");
    }
}
