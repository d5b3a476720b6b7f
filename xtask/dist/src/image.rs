//! An image for containers with nothing but a static netmon in it, built without a daemon: an OCI image layout in a tar
//! archive (image-spec 1.0), with the file by which `docker load` finds the image.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    About, SUMMARY,
    archive::{gzip, tar},
    contents::{Contents, Entry, file},
    hex,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A part of the image, called after its digest.
struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: hex(&Sha256::digest(&bytes)), bytes }
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self, kind: &str) -> Value {
        json!({"mediaType": kind, "digest": format!("sha256:{}", self.digest), "size": self.bytes.len()})
    }
}

/// Returns the image.
pub(crate) fn oci(contents: &Contents, about: &About) -> Result<Vec<u8>> {
    let files = files(contents)?;
    let layer = tar(&files, about.epoch)?;
    let config = Blob::new(config(about, &hex(&Sha256::digest(&layer)))?.to_string().into_bytes());
    let layer = Blob::new(gzip(&layer)?);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(CONFIG),
        "layers": [layer.descriptor(LAYER)],
    });
    let manifest = Blob::new(manifest.to_string().into_bytes());
    let entries = layout(&manifest, &config, &layer, about);
    tar(Contents::from(entries).entries(), about.epoch)
}

/// Returns what is in the image: the program, its licences, and folders that a program without a system lacks.
fn files(contents: &Contents) -> Result<Vec<Entry>> {
    let wanted = ["usr/bin/netmon", "usr/share/doc/netmon/copyright", "usr/share/doc/netmon/third-party.txt"];
    let files: Vec<_> =
        contents.entries().iter().filter(|entry| wanted.contains(&entry.path.as_str())).cloned().collect();
    anyhow::ensure!(files.len() == wanted.len(), "the image lacks one of {}", wanted.join(", "));
    Ok(files)
}

fn config(about: &About, layer: &str) -> Result<Value> {
    let created = Timestamp::from_second(about.epoch.into()).context("the time is out of range")?.to_string();
    Ok(json!({
        "created": created,
        "architecture": about.target.debian(),
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/netmon"],
            "Cmd": ["run", "--discover", "--listen", "0.0.0.0:9477"],
            "Env": ["PATH=/usr/bin"],
            "ExposedPorts": {"9477/tcp": {}},
            "Labels": {
                "org.opencontainers.image.title": "netmon",
                "org.opencontainers.image.description": SUMMARY,
                "org.opencontainers.image.version": about.version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
        "history": [{"created": created, "created_by": "cargo xtask dist"}],
    }))
}

/// Returns the files of the layout.
fn layout(manifest: &Blob, config: &Blob, layer: &Blob, about: &About) -> Vec<Entry> {
    let tag = format!("netmon:{}", about.version);
    let mut descriptor = manifest.descriptor(MANIFEST);
    descriptor["platform"] = json!({"architecture": about.target.debian(), "os": "linux"});
    descriptor["annotations"] = json!({
        "org.opencontainers.image.ref.name": about.version,
        "io.containerd.image.name": format!("docker.io/library/{tag}"),
    });
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});
    let docker = json!([{"Config": config.path(), "RepoTags": [tag], "Layers": [layer.path()]}]);
    let text = |path: &str, value: &Value| file(path, value.to_string().into_bytes());
    let blobs = [manifest, config, layer].map(|blob| file(&blob.path(), blob.bytes.clone()));
    let mut entries = vec![
        text("oci-layout", &json!({"imageLayoutVersion": "1.0.0"})),
        text("index.json", &index),
        text("manifest.json", &docker),
    ];
    entries.extend(blobs);
    entries
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _};

    use super::*;

    fn image() -> BTreeMap<String, Vec<u8>> {
        let about = About {
            version: "1.2.3".into(),
            target: "x86_64-unknown-linux-musl".parse().expect("valid"),
            epoch: 1_000_000_000,
        };
        let doc = "usr/share/doc/netmon";
        let contents = Contents::from(vec![
            file("usr/bin/netmon", b"program".to_vec()),
            file(&format!("{doc}/copyright"), Vec::new()),
            file(&format!("{doc}/third-party.txt"), Vec::new()),
            file("usr/share/netmon/labs/star.toml", Vec::new()),
        ]);
        let bytes = oci(&contents, &about).expect("packs");
        let mut archive = ::tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().expect("readable").map(|entry| {
            let mut entry = entry.expect("readable");
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("readable");
            (path, bytes)
        });
        entries.collect()
    }

    #[test]
    fn every_digest_leads_to_a_blob_with_that_digest() {
        let files = image();
        let index: Value = serde_json::from_slice(&files["index.json"]).expect("JSON");
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().expect("a digest").replace("sha256:", "");
            let bytes = &files[&format!("blobs/sha256/{digest}")];
            assert_eq!(hex(&Sha256::digest(bytes)), digest);
            assert_eq!(descriptor["size"], bytes.len());
            bytes.clone()
        };
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).expect("JSON");
        let config: Value = serde_json::from_slice(&blob(&manifest["config"])).expect("JSON");
        let mut layer = Vec::new();
        let compressed = blob(&manifest["layers"][0]);
        flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut layer).expect("gzip");
        let expected = format!("sha256:{}", hex(&Sha256::digest(&layer)));
        assert_eq!(config["rootfs"]["diff_ids"][0], Value::String(expected));
    }

    #[test]
    fn docker_finds_the_image_under_its_name() {
        let docker: Value = serde_json::from_slice(&image()["manifest.json"]).expect("JSON");
        assert_eq!(docker[0]["RepoTags"][0], "netmon:1.2.3");
    }
}
