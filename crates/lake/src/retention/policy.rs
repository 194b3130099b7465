//! How long what is kept: what a policy says, and which one holds for an attribute.

use serde::{Deserialize, Serialize};

use crate::LakeError;
use crate::history::schema::short;
use crate::naming::period_word;
use crate::rollup::{DAY, Target};

/// Characters of a name of a type, attribute or table.
const NAME_CHARS_MAX: usize = 2_048;
/// The longest time that can be said in days: ten thousand years.
const DAYS_MAX: u32 = 3_660_000;
/// The periods of roll-ups, in microseconds.
pub(crate) const PERIODS: [i64; 3] = [60_000_000, 3_600_000_000, DAY];

/// For how long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keep {
    /// For so many days after the day itself.
    Days(u32),
    /// For ever.
    Forever,
}

/// A step: instances are rolled up into periods, and kept so for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How long a period is, in microseconds: a minute, an hour or a day.
    pub period: i64,
    /// For how long the roll-ups are kept, counted from the day itself.
    pub keep: Keep,
}

/// A policy of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Only of entities whose first type this is: an expanded name, or the last part of it.
    pub class: Option<String>,
    /// Only this attribute, likewise.
    pub attribute: Option<String>,
    /// Not history, but this table of records.
    pub table: Option<String>,
    /// For how long instances, or records, are kept.
    pub raw: Keep,
    /// What is left of them afterwards: coarser and longer, one after the other.
    pub steps: Vec<Step>,
}

/// A policy as it is sent and kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attribute: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    raw: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<WireStep>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireStep {
    period: String,
    keep: String,
}

impl Policy {
    /// Reads a policy; one that contradicts itself is refused, with what to do.
    pub fn from_json(body: &[u8]) -> Result<Self, LakeError> {
        let wire: Wire = serde_json::from_slice(body)
            .map_err(|error| LakeError::Invalid(format!("the policy: {error}")))?;
        let policy = Self {
            raw: keep("raw", &wire.raw)?,
            steps: wire.steps.iter().map(step).collect::<Result<_, _>>()?,
            class: wire.class,
            attribute: wire.attribute,
            table: wire.table,
        };
        policy.check()?;
        Ok(policy)
    }

    /// The policy as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let steps = self.steps.iter().map(|step| WireStep {
            period: period_word(step.period),
            keep: said(step.keep),
        });
        let wire = Wire {
            class: self.class.clone(),
            attribute: self.attribute.clone(),
            table: self.table.clone(),
            raw: said(self.raw),
            steps: steps.collect(),
        };
        // A struct of texts is always JSON.
        serde_json::to_value(wire).unwrap_or_default()
    }

    fn check(&self) -> Result<(), LakeError> {
        let invalid = |text: String| Err(LakeError::Invalid(text));
        for (member, name) in [
            ("type", &self.class),
            ("attribute", &self.attribute),
            ("table", &self.table),
        ] {
            let fits = |name: &String| !name.is_empty() && name.len() <= NAME_CHARS_MAX;
            if !name.as_ref().is_none_or(fits) {
                return invalid(format!(
                    "'{member}' must have 1 to {NAME_CHARS_MAX} characters"
                ));
            }
        }
        if self.table.is_some() {
            if self.class.is_some() || self.attribute.is_some() {
                return invalid(
                    "'table' is of records, 'type' and 'attribute' are of history: make two policies"
                        .to_owned(),
                );
            }
            if !self.steps.is_empty() {
                return invalid(
                    "records are not rolled up: leave 'steps' out of a policy with 'table'"
                        .to_owned(),
                );
            }
        }
        let (mut before, mut period) = (("raw".to_owned(), self.raw), 0);
        for step in &self.steps {
            let name = format!("the step {}", period_word(step.period));
            if step.period <= period {
                return invalid(format!(
                    "{name} is not coarser than the one before: name steps from fine to coarse, each once"
                ));
            }
            if before.1 == Keep::Forever {
                return invalid(format!(
                    "{name} would never come, {} is kept for ever: leave the step out, or say for how long",
                    before.0
                ));
            }
            if step.keep <= before.1 {
                return invalid(format!(
                    "{name} is kept no longer ({}) than {} ({}): both are counted from the day itself",
                    said(step.keep),
                    before.0,
                    said(before.1)
                ));
            }
            (before, period) = ((name, step.keep), step.period);
        }
        Ok(())
    }

    /// Whether both speak of the same.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.class, &self.attribute, &self.table)
            == (&other.class, &other.attribute, &other.table)
    }

    /// What becomes of rows of a day that are rolled up into this period already, 0 for those
    /// that are not.
    pub(crate) fn target(&self, day: i32, period: i64, now: i64) -> Target {
        if !is_over(day, self.raw, now) {
            return Target::Keep;
        }
        match self.steps.iter().find(|step| !is_over(day, step.keep, now)) {
            Some(step) if step.period > period => Target::Into(step.period),
            Some(_) => Target::Keep,
            None => Target::Gone,
        }
    }
}

/// Whether what is kept so long of a day has to go.
fn is_over(day: i32, keep: Keep, now: i64) -> bool {
    let Keep::Days(days) = keep else { return false };
    let days = i64::from(day) + 1 + i64::from(days);
    days.saturating_mul(DAY) <= now
}

fn step(wire: &WireStep) -> Result<Step, LakeError> {
    let period = PERIODS.into_iter().find(|p| period_word(*p) == wire.period);
    let period = period.ok_or_else(|| {
        let shown: String = wire.period.chars().take(32).collect();
        LakeError::Invalid(format!(
            "the period '{shown}' of a step is none of PT1M, PT1H, P1D"
        ))
    })?;
    Ok(Step {
        period,
        keep: keep("keep", &wire.keep)?,
    })
}

/// Reads a duration of whole days. A month counts as 31 days, a year as 366: nothing goes sooner than
/// it was said.
fn keep(member: &str, text: &str) -> Result<Keep, LakeError> {
    if text == "forever" {
        return Ok(Keep::Forever);
    }
    days(text).map(Keep::Days).ok_or_else(|| {
        let shown: String = text.chars().take(32).collect();
        LakeError::Invalid(format!(
            "'{member}' is '{shown}': it must be a duration of whole days as P30D, P6M or P2Y, or forever"
        ))
    })
}

fn days(text: &str) -> Option<u32> {
    let mut rest = text.strip_prefix('P')?;
    let mut days = 0_u32;
    let mut units = [('Y', 366), ('M', 31), ('W', 7), ('D', 1)].into_iter();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(end);
        let mut chars = tail.chars();
        let unit = chars.next()?;
        let (_, size) = units.by_ref().find(|(name, _)| *name == unit)?;
        days = number
            .parse::<u32>()
            .ok()?
            .checked_mul(size)?
            .checked_add(days)?;
        rest = chars.as_str();
    }
    (days <= DAYS_MAX).then_some(days)
}

fn said(keep: Keep) -> String {
    match keep {
        Keep::Days(days) => format!("P{days}D"),
        Keep::Forever => "forever".to_owned(),
    }
}

/// The policies of one tenant, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies(pub(crate) Vec<(String, Policy)>);

impl Policies {
    /// The policy of an attribute of entities of a class: the most specific one. One with
    /// an attribute is more so than one without, then one with a type; a whole name more than its
    /// last part.
    pub(crate) fn of(&self, class: &str, attribute: &str) -> Option<&Policy> {
        let fits = |policy: &&Policy| {
            policy.table.is_none()
                && rank(policy.class.as_deref(), class).is_some()
                && rank(policy.attribute.as_deref(), attribute).is_some()
        };
        let all = self.0.iter().map(|(_, policy)| policy);
        all.filter(fits).max_by_key(|policy| {
            (
                rank(policy.attribute.as_deref(), attribute),
                rank(policy.class.as_deref(), class),
            )
        })
    }

    /// The policies that can hold for some attribute of entities of a class; `None` among them: there
    /// may be attributes for which none does.
    pub(crate) fn possible(&self, class: &str) -> Vec<Option<&Policy>> {
        let all = self.0.iter().map(|(_, policy)| policy);
        let fits = |policy: &&Policy| {
            policy.table.is_none() && rank(policy.class.as_deref(), class).is_some()
        };
        let (of_all, of_some): (Vec<_>, Vec<_>) = all
            .filter(fits)
            .partition(|policy| policy.attribute.is_none());
        let general = of_all
            .into_iter()
            .max_by_key(|policy| rank(policy.class.as_deref(), class));
        let of_some = of_some.into_iter().map(Some);
        of_some.chain(std::iter::once(general)).collect()
    }

    /// The policy of a table of records.
    pub(crate) fn of_table(&self, name: &str) -> Option<&Policy> {
        let mut all = self.0.iter().map(|(_, policy)| policy);
        all.find(|policy| policy.table.as_deref() == Some(name))
    }
}

/// How well a name that a policy says fits an expanded one; `None`: it is another.
fn rank(said: Option<&str>, expanded: &str) -> Option<u8> {
    match said {
        None => Some(0),
        Some(said) if said == expanded => Some(2),
        Some(said) if said == short(expanded) => Some(1),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(wire: &serde_json::Value) -> Result<Policy, LakeError> {
        Policy::from_json(wire.to_string().as_bytes())
    }

    fn refusal(wire: &serde_json::Value) -> String {
        policy(wire).expect_err("a refusal").to_string()
    }

    #[test]
    fn a_policy_is_kept_as_it_was_said() {
        let wire = json!({
            "type": "Room",
            "raw": "P30D",
            "steps": [{ "period": "PT1M", "keep": "P90D" }, { "period": "P1D", "keep": "forever" }],
        });
        assert_eq!(policy(&wire).expect("a policy").to_json(), wire);
        let years = policy(&json!({ "raw": "P1Y2M1W3D" })).expect("a policy");
        assert_eq!(years.raw, Keep::Days(366 + 62 + 7 + 3));
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_what_to_do() {
        let step = |period: &str, keep: &str| json!({ "period": period, "keep": keep });
        let with = |raw: &str, steps: &[serde_json::Value]| json!({ "raw": raw, "steps": steps });
        let said = refusal(&with("forever", &[step("PT1H", "P90D")]));
        assert!(said.contains("would never come"), "{said}");
        let said = refusal(&with(
            "P30D",
            &[step("PT1H", "P90D"), step("PT1M", "P100D")],
        ));
        assert!(said.contains("not coarser"), "{said}");
        let said = refusal(&with("P30D", &[step("PT1H", "P30D")]));
        assert!(
            said.contains("kept no longer (P30D) than raw (P30D)"),
            "{said}"
        );
        let said = refusal(&with(
            "P30D",
            &[step("PT1H", "forever"), step("P1D", "forever")],
        ));
        assert!(said.contains("the step PT1H is kept for ever"), "{said}");
        let said = refusal(&with("P30D", &[step("PT5M", "P90D")]));
        assert!(said.contains("none of PT1M, PT1H, P1D"), "{said}");
        let said =
            refusal(&json!({ "table": "trips", "raw": "P30D", "steps": [step("PT1H", "P90D")] }));
        assert!(said.contains("not rolled up"), "{said}");
        assert!(
            refusal(&json!({ "table": "trips", "type": "Room", "raw": "P1D" }))
                .contains("two policies")
        );
        for raw in [
            "30 days",
            "PT1H",
            "P",
            "P1D1Y",
            "P-1D",
            "P99999999999D",
            "P1.5D",
            "Forever",
        ] {
            assert!(
                refusal(&json!({ "raw": raw })).contains("whole days"),
                "{raw}"
            );
        }
        assert!(refusal(&json!({ "raw": "P1D", "typ": "Room" })).contains("unknown field"));
        assert!(refusal(&json!({ "raw": "P1D", "attribute": "" })).contains("characters"));
        assert!(refusal(&json!({})).contains("raw"));
    }

    #[test]
    fn the_most_specific_policy_holds() {
        let of = |days: u32, class: Option<&str>, attribute: Option<&str>| {
            let policy = Policy {
                class: class.map(str::to_owned),
                attribute: attribute.map(str::to_owned),
                table: None,
                raw: Keep::Days(days),
                steps: Vec::new(),
            };
            (days.to_string(), policy)
        };
        let policies = Policies(vec![
            of(1, None, None),
            of(2, Some("Room"), None),
            of(3, Some("https://a.org/Room"), None),
            of(4, None, Some("temperature")),
            of(5, Some("Room"), Some("temperature")),
        ]);
        let raw = |class: &str, attribute: &str| policies.of(class, attribute).map(|p| p.raw);
        assert_eq!(raw("https://a.org/Car", "x/speed"), Some(Keep::Days(1)));
        assert_eq!(raw("https://b.org/Room", "x/speed"), Some(Keep::Days(2)));
        assert_eq!(raw("https://a.org/Room", "x/speed"), Some(Keep::Days(3)));
        assert_eq!(
            raw("https://a.org/Car", "x/temperature"),
            Some(Keep::Days(4))
        );
        assert_eq!(
            raw("https://a.org/Room", "x/temperature"),
            Some(Keep::Days(5))
        );
        assert_eq!(Policies::default().of("Room", "x"), None);
        let possible = policies.possible("https://a.org/Room");
        let raws: Vec<_> = possible.into_iter().flatten().map(|p| p.raw).collect();
        assert_eq!(raws, [4, 5, 3].map(Keep::Days));
    }

    #[test]
    fn a_day_goes_when_it_is_over_and_was_kept_as_long_as_said() {
        let policy = policy(&json!({
            "raw": "P2D",
            "steps": [{ "period": "PT1H", "keep": "P3D" }, { "period": "P1D", "keep": "P5D" }],
        }));
        let policy = policy.expect("a policy");
        let at = |days: i64, period: i64| policy.target(10, period, days * DAY);
        assert_eq!(policy.target(10, 0, 13 * DAY - 1), Target::Keep);
        assert_eq!(at(13, 0), Target::Into(3_600_000_000));
        assert_eq!(at(13, 3_600_000_000), Target::Keep);
        assert_eq!(at(14, 0), Target::Into(DAY));
        assert_eq!(at(14, 3_600_000_000), Target::Into(DAY));
        assert_eq!(at(14, DAY), Target::Keep);
        assert_eq!(at(16, DAY), Target::Gone);
    }
}
