//! The bill of materials, in the format of CycloneDX 1.5 as JSON.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    About,
    packages::{Package, Packages},
};

/// Returns the crates that are in the program, and which uses which.
pub(crate) fn cyclonedx(packages: &Packages, about: &About) -> Result<String> {
    let sorted = packages.sorted();
    let is_netmon = |package: &Package| package.name == "netmon";
    let netmon = sorted.iter().find(|(_, one)| is_netmon(one)).context("cargo knows no package netmon")?;
    let others = sorted.iter().filter(|(_, one)| !is_netmon(one));
    let mut program = component(netmon.1);
    program["type"] = json!("application");
    let at = Timestamp::from_second(about.epoch.into()).context("the time is out of range")?;
    let bom = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": at.to_string(),
            "component": program,
            "properties": [{"name": "netmon:target", "value": about.target.triple()}],
        },
        "components": others.map(|(_, one)| component(one)).collect::<Vec<_>>(),
        "dependencies": sorted.iter().map(|(_, one)| dependency(packages, one)).collect::<Vec<_>>(),
    });
    Ok(format!("{bom:#}\n"))
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
        "licenses": [{"expression": package.licence}],
    });
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

fn dependency(packages: &Packages, package: &Package) -> Value {
    let uses: Vec<_> = package.uses.iter().filter_map(|id| packages.get(id)).map(purl).collect();
    json!({"ref": purl(package), "dependsOn": uses})
}

/// Returns the package URL of a crate.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}
