//! Tells the eBPF linker which instructions it may use. On the host there is nothing to tell.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("bpf") {
        // Headers are read in words; the kernel's own bytecode does the same on every 64-bit machine.
        println!("cargo:rustc-link-arg-bins=--cpu-features=+allows-misaligned-mem-access");
        // Otherwise every small memset is a call of a loop over bytes: a new connection took 60 ns longer.
        println!("cargo:rustc-link-arg-bins=--disable-expand-memcpy-in-order");
    }
}
