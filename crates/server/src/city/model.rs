//! The model city: its files go through the importers, its devices through the feeds. That it lives
//! here is kept in a doc, so that it goes on after a restart.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use base::{Name, Tenant};
use feeds::Definition;
use ingest::{Format, Source};
use model_city::{City, Plan};
use ports::{Act, Batch, Expect};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tiles::basemap::Settings;

use super::devices;
use super::files::{basemap, entities, history, import};
use super::{LoadError, Loader, Step};

/// The family and key of the doc that says which model city lives here.
const DOC_KIND: &str = "model-city";
const DOC_ID: &str = "city";
/// The folder of the files that the model city writes of itself.
const FOLDER: &str = "model-city";
/// How far back its sensors have a past, and at what step: enough for usual ranges by hour.
const PAST_DAYS: i64 = 7;
const PAST_STEP_SECONDS: u32 = 1_800;
const DAY_MICROS: i64 = 86_400_000_000;

/// Which model city somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wish {
    /// How many live there.
    pub(crate) inhabitants: u32,
    /// The same seed gives the same city.
    pub(crate) seed: u64,
    /// How many devices speak; `null`: as many as fit the inhabitants, one in five.
    pub(crate) sensors: Option<u32>,
    /// Seconds of the city that pass in one: 1 is real time.
    pub(crate) speed: u32,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            inhabitants: 30_000,
            seed: 1,
            sensors: Some(2_400),
            speed: 1,
        }
    }
}

impl Wish {
    fn check(&self) -> Result<(), LoadError> {
        let fine = (1_000..=10_000_000).contains(&self.inhabitants)
            && (1..=3_600).contains(&self.speed)
            && self.sensors.is_none_or(|n| (1..=1_000_000).contains(&n));
        if fine {
            return Ok(());
        }
        Err(LoadError::Invalid(
            "a model city has 1,000 to 10,000,000 inhabitants, 1 to 1,000,000 sensors, and a speed \
             of 1 to 3,600"
                .to_owned(),
        ))
    }

    fn plan(&self) -> Plan {
        Plan {
            seed: self.seed,
            inhabitants: self.inhabitants,
            sensors: self.sensors,
        }
    }
}

impl Loader {
    /// Begins to bring the model city into the node.
    pub(crate) fn load_model(&self, wish: Wish) -> Result<(), LoadError> {
        wish.check()?;
        if self.inner.state.read().speed.is_some() {
            return Err(LoadError::Lives);
        }
        let step = self.begin("model")?;
        self.inner.tasks.spawn("load the model city", async move {
            let working = tokio::task::spawn_blocking(move || {
                if let Err(error) = load(&step, wish) {
                    step.fail(&error);
                }
            });
            if let Err(error) = working.await {
                tracing::error!(%error, "the loading of the model city ended by a panic");
            }
        });
        Ok(())
    }

    /// Lets the model city live on that lived here when the node stopped.
    pub(crate) async fn resume(&self) -> anyhow::Result<bool> {
        let store = self.inner.broker.store();
        let doc = store
            .doc(&Tenant::default_tenant(), DOC_KIND, DOC_ID)
            .await?;
        let Some(doc) = doc else {
            return Ok(false);
        };
        let wish = Wish::deserialize(doc.body.as_ref()).context("the doc of the model city")?;
        let plan = wish.plan();
        let city = tokio::task::spawn_blocking(move || City::build(&plan)).await?;
        devices::start(&self.inner, Arc::new(city), wish.speed).await?;
        Ok(true)
    }
}

/// What is seen first comes first: the ground, the devices and their life; then what they stand in,
/// and their past.
fn load(step: &Step, wish: Wish) -> anyhow::Result<()> {
    let inner = &step.loader.inner;
    let now = inner.broker.now();
    step.at("building", 0, 0);
    let city = Arc::new(City::build(&wish.plan()));
    let folder = inner.data.join(FOLDER);
    fs::create_dir_all(&folder)?;
    let streets = folder.join(format!("{}.osm", city.slug()));
    written(&streets, |out| city.write_osm(out))?;
    let streets = Source::file(streets);
    basemap(step, &streets, &Settings::simulated(city.slug()))?;

    let all: Vec<_> = city.entities().collect();
    let total = all.len();
    entities(step, "entities", all.into_iter(), total)?;
    inner.handle.block_on(async {
        for (name, definition) in city.feeds() {
            inner
                .feeds
                .put(&name, Definition::parse(&definition)?)
                .await?;
        }
        devices::start(inner, Arc::clone(&city), wish.speed).await
    })?;

    let timetable = folder.join(format!("{}.zip", city.slug()));
    written(&timetable, |out| city.write_gtfs(out))?;
    import(
        step,
        Format::Gtfs,
        &Source::file(timetable),
        Some(city.slug()),
        true,
    )?;
    import(step, Format::Osm, &streets, None, true)?;

    let from = now.plus_micros(-PAST_DAYS * DAY_MICROS);
    let past = city.past(from, now, PAST_STEP_SECONDS);
    history(step, "history", past, 0)?;
    // Only now: a loading that was cut off is begun again by the next `chorsu demo`.
    inner.handle.block_on(keep(step, wish))
}

fn written(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()?;
    Ok(())
}

/// Keeps in a doc that the model city lives here.
async fn keep(step: &Step, wish: Wish) -> anyhow::Result<()> {
    let broker = &step.loader.inner.broker;
    let batch = Batch {
        tenant: Tenant::default_tenant(),
        time: broker.now(),
        acts: vec![Act::Doc {
            kind: Name::from(DOC_KIND),
            id: Name::from(DOC_ID),
            expect: Expect::Any,
            body: Some(Arc::new(json!(wish))),
        }],
        cursor: None,
    };
    broker.store().commit(batch).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_out_of_bounds_is_refused() {
        Wish::default().check().expect("the default is fine");
        for wrong in [
            Wish {
                inhabitants: 999,
                ..Wish::default()
            },
            Wish {
                inhabitants: 10_000_001,
                ..Wish::default()
            },
            Wish {
                speed: 0,
                ..Wish::default()
            },
            Wish {
                sensors: Some(0),
                ..Wish::default()
            },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_empty_wish_is_the_default_one() {
        let wish: Wish = serde_json::from_str("{}").expect("a wish");
        assert_eq!(wish, Wish::default());
        serde_json::from_str::<Wish>(r#"{"people": 3}"#).expect_err("an unknown word");
    }
}
