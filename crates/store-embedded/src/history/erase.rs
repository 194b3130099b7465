//! Erasing: segments written anew without what they say of some entities.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Name, Seq, Tenant};

use super::footer::Footer;
use super::merge::Joined;
use super::segment::{Builder, Segment};
use super::{History, owner_key, split_owner};
use crate::Error;

/// Whose history goes, and what of it.
struct Whose {
    owners: BTreeSet<Vec<u8>>,
    /// What came with this change or later stays.
    before: Seq,
    /// Graves up to this change have been heard of elsewhere.
    heard: Seq,
}

impl History {
    /// Writes all segments anew that say something of these entities from before a change; how
    /// many. A crash leaves each segment as it was or as it shall be.
    pub(crate) fn erase(&self, subjects: &[(Tenant, Name)], before: Seq) -> Result<u64, Error> {
        self.seal()?;
        let _one_at_a_time = self.merging.lock();
        let all = {
            let mut inner = self.inner.write();
            for (tenant, id) in subjects {
                inner.notes.forget_before(tenant, id, before);
            }
            inner.segments.clone()
        };
        let handed = self.inner.read().handed;
        let whose = Whose {
            owners: owners(subjects),
            before,
            // Where nothing went, nobody has to hear of it.
            heard: if handed > Seq::ZERO {
                handed
            } else {
                Seq(u64::MAX)
            },
        };
        let mut rewritten = 0;
        for segment in &all {
            let footer = {
                let names = self.names.read();
                segment.footer(&names)?
            };
            if !says(segment, &footer, &whose.owners)? {
                continue;
            }
            let anew = Arc::new(self.without(segment, footer, &all, &whose)?);
            let mut inner = self.inner.write();
            for old in &mut inner.segments {
                if old.path == anew.path {
                    *old = Arc::clone(&anew);
                }
            }
            rewritten += 1;
        }
        Ok(rewritten)
    }

    fn without(
        &self,
        segment: &Arc<Segment>,
        footer: Footer,
        all: &[Arc<Segment>],
        whose: &Whose,
    ) -> Result<Segment, Error> {
        let is_theirs = |owner: &[u8]| whose.owners.contains(owner);
        let mut anew = Footer {
            blocks: Vec::new(),
            graves: std::collections::BTreeMap::new(),
            ..footer
        };
        for (owner, graves) in segment.all_graves() {
            let stays = |at: Seq| at >= whose.before || at > whose.heard;
            let left = graves
                .iter()
                .filter(|grave| !is_theirs(owner) || stays(grave.at));
            let left: Vec<_> = left.copied().collect();
            if !left.is_empty() {
                anew.graves.insert(owner.to_vec(), left);
            }
        }
        anew.notes
            .retain(|owner, note| !is_theirs(owner) || note.at >= whose.before);
        let mut builder = Builder::new(&*self.files, &self.dir, anew)?;
        let mut joined = Joined::new(std::slice::from_ref(segment), all.to_vec());
        let mut group = Vec::new();
        while let Some((owner, series)) = joined.next(&mut group, |_| true)? {
            let goes = is_theirs(&owner);
            for row in group.drain(..) {
                if !goes || row.arrived.seq >= whose.before {
                    builder.push(&owner, series, &row)?;
                }
            }
        }
        builder.finish(&self.names.read())
    }

    /// The names of segments that say something of these entities, and how many segments there
    /// are.
    pub(crate) fn says_of(&self, subjects: &[(Tenant, Name)]) -> Result<(u64, Vec<String>), Error> {
        let all = self.inner.read().segments.clone();
        let owners = owners(subjects);
        let mut found = Vec::new();
        for segment in &all {
            let footer = {
                let names = self.names.read();
                segment.footer(&names)?
            };
            if says(segment, &footer, &owners)? {
                found.push(segment.path.display().to_string());
            }
        }
        Ok((all.len() as u64, found))
    }
}

fn owners(subjects: &[(Tenant, Name)]) -> BTreeSet<Vec<u8>> {
    let keys = subjects.iter().map(|(tenant, id)| owner_key(tenant, id));
    keys.collect()
}

/// Whether a segment says anything of these entities: rows, graves, notes, or a name of its
/// dictionary that is theirs.
fn says(segment: &Segment, footer: &Footer, owners: &BTreeSet<Vec<u8>>) -> Result<bool, Error> {
    for owner in owners {
        let is_named = split_owner(owner).is_some_and(|(_, id)| footer.names.contains(&id));
        let is_marked =
            footer.notes.contains_key(owner) || !segment.graves(owner).is_empty() || is_named;
        if is_marked || !segment.series(owner)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
