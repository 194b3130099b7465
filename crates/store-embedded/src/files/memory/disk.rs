//! What is on the disk in memory: now, and for certain.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{Fault, Survival};

/// Bytes that reach the disk together. Smaller than real sectors, so that small tests tear too.
const SECTOR: u64 = 16;

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) steps: u64,
    pub(super) plan: Option<(u64, Fault)>,
    /// What every later step answers, once a lasting fault has struck.
    pub(super) broken: Option<Fault>,
    pub(super) inodes: Vec<Inode>,
    pub(super) names: BTreeMap<PathBuf, usize>,
    pub(super) synced_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since their folder was synced, in order.
    pub(super) unsynced_names: Vec<NameChange>,
    pub(super) locked: Vec<PathBuf>,
}

#[derive(Debug, Default, Clone)]
pub(super) struct Inode {
    pub(super) now: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) unsynced: Vec<ContentChange>,
}

#[derive(Debug, Clone)]
pub(super) enum ContentChange {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Bind(PathBuf, usize),
    Unbind(PathBuf),
    Move(PathBuf, PathBuf),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Bind(path, inode) => {
                names.insert(path.clone(), *inode);
            }
            Self::Unbind(path) => {
                names.remove(path);
            }
            Self::Move(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }

    pub(super) fn within(&self, dir: &Path) -> bool {
        let (Self::Bind(path, _) | Self::Unbind(path) | Self::Move(_, path)) = self;
        path.parent() == Some(dir)
    }
}

impl ContentChange {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => put(bytes, *offset, written),
            Self::Length(len) => bytes.resize(index(*len), 0),
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, written: &[u8]) {
    let start = index(offset);
    let end = start + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(written);
}

pub(super) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl Disk {
    /// In the middle of a crash a step has happened, but no sync has.
    pub(super) fn is_dark(&self) -> bool {
        self.broken == Some(Fault::Crash)
    }

    pub(super) fn answer(&self) -> io::Result<()> {
        if self.is_dark() {
            Err(io::Error::other("power was lost"))
        } else {
            Ok(())
        }
    }

    pub(super) fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }
}

impl Inode {
    pub(super) fn survivor(&self, survival: Survival, dice: &mut Dice) -> Self {
        let mut bytes = self.synced.clone();
        for change in &self.unsynced {
            match (survival, change) {
                (Survival::None, _) => {}
                (Survival::All, change) => change.apply(&mut bytes),
                (Survival::Some(_), ContentChange::Length(_)) => {
                    if dice.coin() {
                        change.apply(&mut bytes);
                    }
                }
                (Survival::Some(_), ContentChange::Write(offset, written)) => {
                    tear(&mut bytes, *offset, written, dice);
                }
            }
        }
        Self {
            now: bytes.clone(),
            synced: bytes,
            unsynced: Vec::new(),
        }
    }
}

/// Lets each sector of a write reach the disk or not.
fn tear(bytes: &mut Vec<u8>, offset: u64, written: &[u8], dice: &mut Dice) {
    let mut at = offset;
    let mut rest = written;
    while !rest.is_empty() {
        let room = index(SECTOR - at % SECTOR).min(rest.len());
        let (sector, later) = rest.split_at(room);
        if dice.coin() {
            put(bytes, at, sector);
        }
        at += room as u64;
        rest = later;
    }
}

/// A small deterministic generator (SplitMix64).
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub(super) fn below(&mut self, bound: u64) -> usize {
        index(self.next() % bound)
    }
}
