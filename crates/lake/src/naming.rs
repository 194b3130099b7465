//! The names of files: what belongs together stands in one folder, as engines outside expect it, and
//! no name is ever given twice.

use base::{Tenant, Time};
use ports::Entropy;
use sha2::{Digest as _, Sha256};

use crate::history::schema::short;
use crate::{Partition, Table};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Characters of a type's or table's name that a folder's name holds.
const WORD_CHARS_MAX: usize = 48;

/// A name for a new file of a partition; later ones come later in order, as far as the clock goes.
pub(crate) fn new_path(partition: &Partition, now: Time, entropy: &dyn Entropy) -> String {
    let mut chance = [0; 8];
    entropy.fill(&mut chance);
    format!(
        "{}/{:014x}-{}.parquet",
        folder(partition),
        now.0.max(0),
        hex::encode(chance)
    )
}

/// The folder of a partition.
pub(crate) fn folder(partition: &Partition) -> String {
    let tenant = tenant(&partition.tenant);
    let class = || {
        let hash = hex::encode(Sha256::digest(&partition.class).as_slice());
        let (hash, _) = hash.split_at(6);
        format!("type={}-{hash}", word(short(&partition.class)))
    };
    let day = day(partition.day);
    match &partition.table {
        Table::History => format!("history/{tenant}/{}/{day}", class()),
        Table::Rolled(period) => {
            let period = period_word(*period);
            format!("rolled/period={period}/{tenant}/{}/{day}", class())
        }
        Table::Records(table) => format!("records/{tenant}/table={}/{day}", word(table)),
    }
}

/// The default tenant has no name; one that is named so is told apart.
fn tenant(name: &str) -> String {
    match name {
        "" => format!("tenant={}", Tenant::default_tenant()),
        name if name == Tenant::default_tenant().to_string() => format!("tenant=.{name}"),
        name => format!("tenant={name}"),
    }
}

fn day(day: i32) -> String {
    format!("day={}", date(day))
}

/// A day as ISO 8601 says it.
pub(crate) fn date(day: i32) -> String {
    let text = Time(i64::from(day).saturating_mul(DAY)).to_string();
    text.split_once('T').map_or("", |(date, _)| date).to_owned()
}

/// Whether a name is one that was given by [`new_path`], perhaps of a file that was not finished.
pub(crate) fn is_ours(path: &str) -> bool {
    let is_below = ["history/", "rolled/", "records/"]
        .iter()
        .any(|folder| path.starts_with(folder));
    let name = path.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".parquet").or(name.strip_suffix(".new"));
    let parts = name.and_then(|name| name.split_once('-'));
    let is_hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_below && parts.is_some_and(|(time, chance)| is_hex(time, 14) && is_hex(chance, 16))
}

/// A period as ISO 8601 says it, as whole as it can be.
pub(crate) fn period_word(micros: i64) -> String {
    let units = [
        (DAY, "P", "D"),
        (3_600_000_000, "PT", "H"),
        (60_000_000, "PT", "M"),
        (1_000_000, "PT", "S"),
    ];
    let whole = units.into_iter().find(|(unit, ..)| micros % unit == 0);
    whole.map_or_else(
        || format!("{micros}us"),
        |(unit, before, after)| format!("{before}{}{after}", micros / unit),
    )
}

/// What is safe in a path of any system.
fn word(text: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    match text {
        "" => "none".to_owned(),
        text => text.chars().take(WORD_CHARS_MAX).map(safe).collect(),
    }
}

#[cfg(test)]
mod tests {
    use testkit::SeededEntropy;

    use super::*;

    fn partition(table: Table, tenant: &str, class: &str) -> Partition {
        Partition {
            table,
            tenant: tenant.to_owned(),
            class: class.to_owned(),
            day: 20_779,
        }
    }

    #[test]
    fn a_partition_has_a_folder_of_its_own_that_says_what_it_is() {
        let of = |table, tenant, class| folder(&partition(table, tenant, class));
        assert_eq!(
            of(Table::History, "", "https://a.org/b#Room"),
            "history/tenant=default/type=Room-fe9208/day=2026-11-22"
        );
        assert_ne!(
            of(Table::History, "", "https://a.org/b#Room"),
            of(Table::History, "", "https://a.org/c#Room")
        );
        assert_ne!(
            of(Table::History, "", "T"),
            of(Table::History, "default", "T")
        );
        assert_eq!(
            of(Table::Rolled(3_600_000_000), "x", ""),
            "rolled/period=PT1H/tenant=x/type=none-e3b0c4/day=2026-11-22"
        );
        assert_eq!(
            of(Table::Records("trips/../x".to_owned()), "x", ""),
            "records/tenant=x/table=trips____x/day=2026-11-22"
        );
    }

    #[test]
    fn a_period_is_said_as_whole_as_it_can_be() {
        assert_eq!(period_word(60_000_000), "PT1M");
        assert_eq!(period_word(2 * DAY), "P2D");
        assert_eq!(period_word(1), "1us");
    }

    #[test]
    fn only_what_was_given_is_known_as_a_file_of_the_lake() {
        let partition = partition(Table::History, "", "T");
        let path = new_path(&partition, Time(0), &SeededEntropy::new(1));
        assert!(is_ours(&path), "{path}");
        assert!(is_ours(&path.replace(".parquet", ".new")));
        for other in [
            "manifest.json",
            "history/mine.parquet",
            "photos/a-b.parquet",
        ] {
            assert!(!is_ours(other));
        }
        assert!(!is_ours(&path.replace("history", "photos")));
    }

    #[test]
    fn no_day_is_beyond_the_calendar() {
        for days in [i32::MIN, -1, 0, i32::MAX] {
            assert!(day(days).len() > "day=".len());
        }
    }
}
