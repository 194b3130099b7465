//! `chorsu erase`: erases somebody from a stopped node or a backup, as `/history/erasures` does of a
//! running one. Nothing of a node lives meanwhile: nobody is notified, nothing is fetched.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base::{Name, Tasks, Tenant};
use broker::Broker;
use clap::ArgMatches;
use lake::erasure::{Standing, Wish};
use lake::{Lake, Parts, Place};
use ports::{Clock, Past, Store};
use store_embedded::EmbeddedStore;
use tokio::sync::watch;
use trust::Access;

use crate::real::{OsEntropy, SystemClock};
use crate::settings::Settings;

/// What the command line asks for.
pub(crate) fn wish(matches: &ArgMatches) -> anyhow::Result<Wish> {
    let subjects = matches.get_many::<String>("subject").into_iter().flatten();
    let text = |name| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let wish = Wish {
        tenant: Tenant::new(&text("tenant")).context("--tenant")?,
        subjects: subjects.map(|id| Name::from(id.as_str())).collect(),
        reason: text("reason"),
        by: "the command line".to_owned(),
        offline: true,
    };
    wish.check()?;
    Ok(wish)
}

/// Erases, and prints the receipt; fails when something is still found.
#[expect(clippy::print_stdout, reason = "the command answers its user")]
pub(crate) async fn run(settings: &Settings, wish: Wish) -> anyhow::Result<ExitCode> {
    let dir = settings.data.clone();
    if !dir.join("format").exists() {
        bail!("{} holds no node and no backup", dir.display());
    }
    // A lake elsewhere is the running node's: what it has is erased there.
    let own = dir.join("lake");
    if !matches!(&settings.lake.place, Place::Folder(place) if *place == own) {
        bail!("the lake is not in the folder: start the node and say POST /history/erasures");
    }
    let (said, _heard) = watch::channel(store_embedded::Progress::Ready);
    let opening = tokio::task::spawn_blocking(move || {
        EmbeddedStore::open(&dir, store_embedded::Settings::default(), &said)
    });
    let store = Arc::new(opening.await??);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tasks = Tasks::new();
    let broker = Broker::new(
        Arc::clone(&store) as Arc<dyn Store>,
        Arc::clone(&clock),
        Access::Closed,
        tasks.clone(),
    );
    let parts = Parts {
        broker,
        past: Some(Arc::clone(&store) as Arc<dyn Past>),
        place: Place::Folder(own),
        clock,
        entropy: Arc::new(OsEntropy),
        tasks: tasks.clone(),
    };
    let rules = lake::Rules {
        seals: false,
        ..settings.lake.rules.clone()
    };
    let lake = Lake::start_with(parts, rules).await.context("the lake")?;
    let receipt = lake.erase(wish).await;
    tasks.stop();
    tasks.ended().await;
    drop(lake);
    tokio::task::spawn_blocking(move || store.close()).await?;
    let receipt = receipt?;
    println!("{:#}", receipt.to_json());
    Ok(if receipt.state() == Standing::Done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
