//! The settings of the lake.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use lake::{Place, Rules};

use super::Sources;

/// Units of time, in microseconds.
const TIMES: &[(&str, i64)] = &[
    ("ms", 1_000),
    ("s", 1_000_000),
    ("min", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
/// Units of size, in bytes.
const SIZES: &[(&str, i64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Where the lake is, and when it does what it does.
#[derive(Debug, Clone)]
pub(crate) struct LakeSettings {
    pub(crate) place: Place,
    pub(crate) rules: Rules,
}

impl Sources {
    pub(super) fn lake(&self, data: &Path) -> anyhow::Result<LakeSettings> {
        let beside = || Place::Folder(data.join("lake"));
        let (place, seals) = match self.text("lake").0 {
            "" => (beside(), true),
            "off" => (beside(), false),
            text => match text.strip_prefix("s3://") {
                Some(rest) => (self.bucket(rest)?, true),
                None => (Place::Folder(PathBuf::from(text)), true),
            },
        };
        let bytes = self.measured("lake-seal-bytes", SIZES, 1)?;
        let rules = Rules {
            seals,
            seal_age_micros: self.measured("lake-seal-age", TIMES, 10_000)?,
            seal_bytes: u64::try_from(bytes)?,
            grace_micros: self.measured("lake-grace", TIMES, 0)?,
        };
        Ok(LakeSettings { place, rules })
    }

    /// `bucket` or `bucket/prefix`.
    fn bucket(&self, rest: &str) -> anyhow::Result<Place> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            bail!("the setting 'lake' names no bucket: write it as s3://bucket/prefix");
        }
        let endpoint = self.text("lake-endpoint").0;
        let is_url = endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if !endpoint.is_empty() && !is_url {
            bail!("the setting 'lake-endpoint' is '{endpoint}': write it as https://host:port");
        }
        let key = match (self.text("lake-key").0, self.path("lake-secret")) {
            ("", None) => None,
            ("", Some(_)) => bail!("the setting 'lake-secret' needs 'lake-key' beside it"),
            (_, None) => bail!("the setting 'lake-key' needs 'lake-secret' beside it"),
            (key, Some(path)) => {
                let secret = std::fs::read_to_string(&path)
                    .with_context(|| format!("the setting 'lake-secret' is {}", path.display()))?;
                Some((key.to_owned(), secret.trim().to_owned()))
            }
        };
        Ok(Place::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            endpoint: (!endpoint.is_empty()).then(|| endpoint.trim_end_matches('/').to_owned()),
            region: self.text("lake-region").0.to_owned(),
            key,
        })
    }

    /// A number with a unit.
    fn measured(&self, name: &str, units: &[(&str, i64)], min: i64) -> anyhow::Result<i64> {
        let (text, from) = self.text(name);
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = units.iter().find(|(word, _)| *word == unit.trim());
        let number = number.parse::<i64>().ok();
        let measured = number
            .zip(unit)
            .and_then(|(number, (_, size))| number.checked_mul(*size))
            .filter(|measured| *measured >= min);
        let Some(measured) = measured else {
            let words: Vec<&str> = units.iter().map(|(word, _)| *word).collect();
            bail!(
                "the setting '{name}' is '{text}' (from {from}): it must be a number and one of {}, \
                 and not too small",
                words.join(", ")
            );
        };
        Ok(measured)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sources;
    use super::*;

    #[test]
    fn the_lake_is_beside_the_store_unless_said_otherwise() {
        let settings = sources(&[], &[]).settings().expect("settings");
        let Place::Folder(folder) = settings.lake.place else {
            panic!("it is a folder");
        };
        assert_eq!(folder, Path::new("./chorsu-data/lake"));
        assert!(settings.lake.rules.seals);
        let off = sources(&[("lake", "off")], &[])
            .settings()
            .expect("settings");
        assert!(!off.lake.rules.seals);
    }

    #[test]
    fn a_bucket_takes_its_secret_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "very\n").expect("written");
        let mut said = vec![
            ("lake", "s3://city/history/"),
            ("lake-endpoint", "http://127.0.0.1:9000/"),
            ("lake-key", "me"),
        ];
        sources(&said, &[]).settings().expect_err("no secret");
        let path = secret.to_str().expect("a path");
        said.push(("lake-secret", path));
        let settings = sources(&said, &[]).settings().expect("settings");
        let Place::S3 {
            bucket,
            prefix,
            endpoint,
            key,
            ..
        } = settings.lake.place
        else {
            panic!("it is a bucket");
        };
        assert_eq!((bucket.as_str(), prefix.as_str()), ("city", "history"));
        assert_eq!(endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(key, Some(("me".to_owned(), "very".to_owned())));
    }

    #[test]
    fn ages_and_sizes_have_units() {
        let said = [
            ("lake-seal-age", "100ms"),
            ("lake-seal-bytes", "64KiB"),
            ("lake-grace", "0s"),
        ];
        let rules = sources(&said, &[]).settings().expect("settings").lake.rules;
        assert_eq!(rules.seal_age_micros, 100_000);
        assert_eq!(rules.seal_bytes, 65_536);
        assert_eq!(rules.grace_micros, 0);
        for (name, text) in [
            ("lake-seal-age", "5"),
            ("lake-seal-age", "0s"),
            ("lake-seal-bytes", "1TB"),
            ("lake-grace", "-1s"),
            ("lake-grace", "9999999999999d"),
        ] {
            let error = sources(&[(name, text)], &[]).settings();
            let error = error.expect_err("a refusal").to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
