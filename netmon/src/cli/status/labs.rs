//! Every lab of this host, each asked of its own agent.

use futures_util::future::join_all;
use netmon_model::{error::chain, server_address::ServerAddress};
use serde::Serialize;

use crate::{
    api::{
        Host, Links, Probes,
        client::{Client, ClientError},
    },
    cli::{
        exit::ExitCode,
        output::{self, Format},
    },
    control::locate::{LabAgent, LocateError},
    render::status::{LabStatus, LabTotals, several},
};

/// The JSON output.
#[derive(Serialize)]
struct Labs {
    labs: Vec<LabStatus>,
}

/// Prints a line for each of `labs`. Fails with exit code 1 if no agent of them answers.
pub(super) async fn run(labs: Vec<LabAgent>, format: Format) -> anyhow::Result<ExitCode> {
    if labs.is_empty() {
        return Err(LocateError::NoAgent.into());
    }
    let labs = join_all(labs.into_iter().map(status)).await;
    let code = if labs.iter().any(|lab| lab.totals.is_some()) { ExitCode::Ok } else { ExitCode::Failed };
    let text = match format {
        Format::Table => several(&labs),
        Format::Json => serde_json::to_string_pretty(&Labs { labs })? + "\n",
    };
    output::print(&text)?;
    Ok(code)
}

async fn status(LabAgent { lab, agent }: LabAgent) -> LabStatus {
    let address = agent.as_ref().ok().cloned();
    let totals = match agent {
        Ok(address) => totals(address).await.map_err(|error| format!("lab {lab}: {}", chain(&error))),
        Err(error) => Err(error.to_string()),
    };
    let (totals, host, error) = match totals {
        Ok((totals, host)) => (Some(totals), Some(host).filter(|host| host.discovers), None),
        Err(error) => (None, None, Some(error)),
    };
    LabStatus { lab, address, totals, error, host }
}

async fn totals(address: ServerAddress) -> Result<(LabTotals, Host), ClientError> {
    let client = Client::new(address);
    let links: Links = client.get("/api/v1/links").await?;
    let Probes { probes, .. } = client.get("/api/v1/probes").await?;
    Ok((LabTotals::of(&links, &probes), super::host(&client).await))
}
