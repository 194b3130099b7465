//! Three nodes in a chain, A → B → C: whoever asks A hears all three, and is told when one is gone.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::node::pause;
use e2e::{Http, Node, Options};
use serde_json::{Value, json};

/// Entities of each node.
const EACH: u64 = 20;
const READERS: usize = 3;
const QUESTION: &str = "/ngsi-ld/v1/entities?type=Pump&limit=100&count=true";
/// Steps of waiting for a node that returned; bounded generously, as machines may be busy.
const STEP: Duration = Duration::from_millis(50);
const STEPS_MAX: u32 = 1_200;

/// A node of the chain and what it takes to start it again.
struct Member {
    alias: &'static str,
    place: tempfile::TempDir,
    node: Option<Node>,
    port: u16,
}

impl Member {
    fn start(alias: &'static str) -> anyhow::Result<Self> {
        let place = tempfile::tempdir()?;
        let node = serve(place.path(), alias, 0)?;
        let port = node.port();
        let node = Some(node);
        Ok(Self {
            alias,
            place,
            node,
            port,
        })
    }

    fn http(&self) -> Http {
        Http::new(self.port)
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        self.node.take().map_or(Ok(()), Node::kill)
    }

    fn start_again(&mut self) -> anyhow::Result<()> {
        self.node = Some(serve(self.place.path(), self.alias, self.port)?);
        Ok(())
    }

    /// Makes the pumps that only this node has.
    fn fill(&self) -> anyhow::Result<()> {
        let pumps: Vec<Value> = (0..EACH).map(|number| pump(self.alias, number)).collect();
        let answer = self
            .http()
            .post("/ngsi-ld/v1/entityOperations/create", &json!(pumps))?;
        anyhow::ensure!(answer.status == 201, "{}", answer.text());
        Ok(())
    }

    /// Lets this node ask another one about pumps.
    fn ask(&self, other: &Self) -> anyhow::Result<()> {
        let registration = json!({
            "id": format!("urn:ngsi-ld:ContextSourceRegistration:{}", other.alias),
            "type": "ContextSourceRegistration",
            "information": [{ "entities": [{ "type": "Pump" }] }],
            "endpoint": format!("http://127.0.0.1:{}", other.port),
        });
        let answer = self
            .http()
            .post("/ngsi-ld/v1/csourceRegistrations", &registration)?;
        anyhow::ensure!(answer.status == 201, "{}", answer.text());
        Ok(())
    }
}

fn serve(place: &Path, alias: &str, port: u16) -> anyhow::Result<Node> {
    let flags = ["--outbound", "loopback", "--alias", alias];
    let flags = &flags;
    Node::start_with(
        place,
        Options {
            port,
            flags,
            ..Options::default()
        },
    )
}

fn pump(node: &str, number: u64) -> Value {
    json!({
        "id": format!("urn:ngsi-ld:Pump:{node}:{number}"),
        "type": "Pump",
        "flow": { "type": "Property", "value": number },
    })
}

fn ids(nodes: &[&str]) -> BTreeSet<String> {
    let of = |node: &&str| {
        let node = (*node).to_owned();
        (0..EACH).map(move |number| format!("urn:ngsi-ld:Pump:{node}:{number}"))
    };
    nodes.iter().flat_map(of).collect()
}

/// What an answer held, and whether it said that something is missing.
#[derive(Debug, PartialEq, Eq)]
struct Heard {
    ids: BTreeSet<String>,
    is_partial: bool,
}

fn hear(http: &Http) -> anyhow::Result<Heard> {
    let answer = http.get(QUESTION)?;
    anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    let all = answer.json()?;
    let entities = all.as_array().cloned().unwrap_or_default();
    let mut ids = BTreeSet::new();
    for entity in &entities {
        let id = entity["id"].as_str().unwrap_or_default().to_owned();
        let number: u64 = id.rsplit(':').next().unwrap_or_default().parse()?;
        anyhow::ensure!(entity["flow"]["value"] == number, "{entity}");
        anyhow::ensure!(ids.insert(id), "twice: {entity}");
    }
    let is_partial = answer.header("ngsild-warning").is_some();
    Ok(Heard { ids, is_partial })
}

/// Asks A from several sides while `work` is done; every answer is whole and says so, or lacks just
/// what the nodes `gone` alone have and says that.
fn while_asked(
    first: &Http,
    gone: &[&str],
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let all = ids(&["a", "b", "c"]);
    let left: BTreeSet<String> = all.difference(&ids(gone)).cloned().collect();
    let is_over = AtomicBool::new(false);
    let wrong = Mutex::new(Vec::new());
    let ask = || {
        let mut answers = 0;
        while !is_over.load(Ordering::Relaxed) {
            answers += 1;
            let problem = match hear(first) {
                Err(error) => Some(format!("{error:#}")),
                // While a node goes or comes, a part of its entities may be heard already.
                Ok(heard) if heard.is_partial && heard.ids.is_superset(&left) => None,
                Ok(heard) if !heard.is_partial && heard.ids == all => None,
                Ok(heard) => Some(format!(
                    "partial {}, missing {:?}",
                    heard.is_partial,
                    all.difference(&heard.ids).collect::<Vec<_>>()
                )),
            };
            if let (Some(problem), Ok(mut wrong)) = (problem, wrong.lock()) {
                wrong.push(problem);
            }
        }
        answers
    };
    let answers = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(ask)).collect();
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        let answers = readers.into_iter().map(|r| r.join().unwrap_or(0)).sum();
        done.map(|()| answers)
    })?;
    let wrong = wrong.into_inner().unwrap_or_default();
    anyhow::ensure!(
        wrong.is_empty(),
        "{} of {answers} answers were wrong, such as {}",
        wrong.len(),
        wrong.first().map_or("", String::as_str)
    );
    Ok(answers)
}

/// Waits until A gives all again, and says how long that took since the node was there again.
fn until_whole(first: &Http) -> anyhow::Result<Duration> {
    let whole = Heard {
        ids: ids(&["a", "b", "c"]),
        is_partial: false,
    };
    for step in 0..STEPS_MAX {
        if hear(first)? == whole {
            return Ok(STEP * step);
        }
        pause(STEP);
    }
    anyhow::bail!("not whole again: {:?}", hear(first)?)
}

/// Waits until A says that something is missing, and looks at what it gives then.
fn until_partial(first: &Http, left: &BTreeSet<String>) -> anyhow::Result<()> {
    for _ in 0..STEPS_MAX {
        let heard = hear(first)?;
        if heard.is_partial {
            assert_eq!(&heard.ids, left);
            return Ok(());
        }
        pause(STEP);
    }
    anyhow::bail!("nobody says that a node is gone")
}

#[test]
fn a_chain_of_three_says_what_is_missing_and_is_whole_again_soon() -> anyhow::Result<()> {
    let (a, b, c) = (
        Member::start("a")?,
        Member::start("b")?,
        Member::start("c")?,
    );
    for member in [&a, &b, &c] {
        member.fill()?;
    }
    a.ask(&b)?;
    b.ask(&c)?;
    let first = a.http();
    assert!(until_whole(&first)? < STEP * STEPS_MAX);
    let mut members = [b, c];
    // First the last of the chain, then the one in the middle, behind which the last is hidden.
    for (place, gone) in [(1, &["c"][..]), (0, &["b", "c"][..])] {
        let left: BTreeSet<String> = ids(&["a", "b", "c"])
            .difference(&ids(gone))
            .cloned()
            .collect();
        let Some(member) = members.get_mut(place) else {
            continue;
        };
        let mut took = Duration::ZERO;
        let answers = while_asked(&first, gone, || {
            pause(Duration::from_millis(200));
            member.kill()?;
            until_partial(&first, &left)?;
            pause(Duration::from_millis(500));
            member.start_again()?;
            took = until_whole(&first)?;
            pause(Duration::from_millis(200));
            Ok(())
        })?;
        assert!(answers > 10, "the load asked only {answers} times");
        super::say(&format!(
            "{} was gone; whole again {took:?} after it was ready, {answers} answers meanwhile",
            member.alias
        ));
    }
    Ok(())
}
