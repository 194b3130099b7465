//! A file system in memory that fails where it is told to and loses, at a crash, what was not synced.
//!
//! Every operation that changes something counts as one step. A [`Fault`] is planned for a step:
//! the step then fails, fails for good, or the machine "loses power" in the middle of it. After a
//! crash, [`MemoryFiles::after_crash`] is the disk as a machine would find it: synced bytes are
//! all there, unsynced ones are there by sectors as [`Survival`] says, and names that were not
//! synced with their folder are there up to some point in time.

mod disk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{File, Files, Lock};
use disk::{ContentChange, Dice, Disk, Inode, NameChange, index};

/// What happens at a planned step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The step fails once with an I/O error and leaves nothing.
    Fail,
    /// The step and every later one fail: the disk is gone but the machine is not.
    FailForever,
    /// The step fails because the disk is full, and so does every later one that needs space.
    Full,
    /// The machine loses power in the middle of the step; every later call fails.
    Crash,
}

/// Which unsynced sectors are found after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// None.
    None,
    /// All, and all names.
    All,
    /// Some, chosen by this seed.
    Some(u64),
}

/// The file system in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    disk: Arc<Mutex<Disk>>,
}

impl MemoryFiles {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Steps taken so far.
    pub fn steps(&self) -> u64 {
        self.disk.lock().steps
    }

    /// Plans a fault for the step of this number, counted from 0.
    pub fn plan(&self, step: u64, fault: Fault) {
        self.disk.lock().plan = Some((step, fault));
    }

    /// Whether the planned fault has struck and lasts.
    pub fn is_broken(&self) -> bool {
        self.disk.lock().broken.is_some()
    }

    /// The disk as it is found after a power loss at this moment.
    #[must_use]
    pub fn after_crash(&self, survival: Survival) -> Self {
        let disk = self.disk.lock();
        let mut dice = Dice(match survival {
            Survival::Some(seed) => seed,
            Survival::None | Survival::All => 0,
        });
        let mut names = disk.synced_names.clone();
        let kept = match survival {
            Survival::None => 0,
            Survival::All => disk.unsynced_names.len(),
            Survival::Some(_) => dice.below(disk.unsynced_names.len() as u64 + 1),
        };
        for change in disk.unsynced_names.iter().take(kept) {
            change.apply(&mut names);
        }
        let inodes: Vec<Inode> = disk
            .inodes
            .iter()
            .map(|i| i.survivor(survival, &mut dice))
            .collect();
        let found = Disk {
            inodes,
            synced_names: names.clone(),
            names,
            ..Disk::default()
        };
        Self {
            disk: Arc::new(Mutex::new(found)),
        }
    }

    /// A copy of the disk that shares nothing with this one.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        self.after_crash(Survival::All)
    }

    /// Changes one byte of a file where it lies: `byte ^= mask`.
    pub fn damage(&self, path: &Path, offset: usize, mask: u8) {
        let mut disk = self.disk.lock();
        if let Some(inode) = disk.names.get(path).copied()
            && let Some(inode) = disk.inodes.get_mut(inode)
        {
            for bytes in [&mut inode.now, &mut inode.synced] {
                if let Some(byte) = bytes.get_mut(offset) {
                    *byte ^= mask;
                }
            }
        }
    }

    fn step(&self, needs_space: bool) -> io::Result<parking_lot::MutexGuard<'_, Disk>> {
        let mut disk = self.disk.lock();
        let step = disk.steps;
        disk.steps += 1;
        match disk.broken {
            Some(Fault::Full) if needs_space => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Crash | Fault::FailForever) => {
                return Err(io::Error::other("the disk is gone"));
            }
            _ => {}
        }
        let Some((planned, fault)) = disk.plan else {
            return Ok(disk);
        };
        if step < planned || disk.broken.is_some() || (fault == Fault::Full && !needs_space) {
            return Ok(disk);
        }
        match fault {
            Fault::Fail => {
                disk.plan = None;
                Err(io::Error::other("a planned failure"))
            }
            Fault::FailForever => {
                disk.broken = Some(fault);
                Err(io::Error::other("a planned failure"))
            }
            Fault::Full => {
                disk.broken = Some(fault);
                Err(io::ErrorKind::StorageFull.into())
            }
            // The step is done as far as an unsynced step is, then all is dark.
            Fault::Crash => {
                disk.broken = Some(fault);
                Ok(disk)
            }
        }
    }

    fn opened(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let disk = self.disk.lock();
        if matches!(disk.broken, Some(Fault::Crash | Fault::FailForever)) {
            return Err(io::Error::other("the disk is gone"));
        }
        let inode = disk
            .names
            .get(path)
            .copied()
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile {
            files: self.clone(),
            inode,
        }))
    }
}

impl Files for MemoryFiles {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.step(true)?.answer()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        let names = disk.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(names
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.step(true)?;
        let inode = disk.inodes.len();
        disk.inodes.push(Inode::default());
        disk.change_names(NameChange::Bind(path.to_owned(), inode));
        disk.answer()?;
        Ok(Box::new(MemoryFile {
            files: self.clone(),
            inode,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.opened(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.opened(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.step(false)?;
        if !disk.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change_names(NameChange::Move(from.to_owned(), to.to_owned()));
        disk.answer()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.step(false)?;
        if !disk.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change_names(NameChange::Unbind(path.to_owned()));
        disk.answer()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.step(false)?;
        disk.answer()?;
        let changes = std::mem::take(&mut disk.unsynced_names);
        for change in changes {
            if change.within(dir) {
                change.apply(&mut disk.synced_names);
            } else {
                disk.unsynced_names.push(change);
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut disk = self.disk.lock();
        if disk.locked.iter().any(|held| held == path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        disk.locked.push(path.to_owned());
        Ok(Box::new(MemoryLock {
            files: self.clone(),
            path: path.to_owned(),
        }))
    }
}

#[derive(Debug)]
struct MemoryFile {
    files: MemoryFiles,
    inode: usize,
}

impl MemoryFile {
    fn change(&self, change: ContentChange) -> io::Result<()> {
        let end = match &change {
            ContentChange::Write(offset, bytes) => *offset + bytes.len() as u64,
            ContentChange::Length(len) => *len,
        };
        let mut disk = self.files.step(end > self.len()?)?;
        let inode = disk
            .inodes
            .get_mut(self.inode)
            .ok_or(io::ErrorKind::NotFound)?;
        change.apply(&mut inode.now);
        inode.unsynced.push(change);
        disk.answer()
    }
}

impl File for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        let disk = self.files.disk.lock();
        Ok(disk
            .inodes
            .get(self.inode)
            .map_or(0, |inode| inode.now.len() as u64))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let disk = self.files.disk.lock();
        let bytes = disk
            .inodes
            .get(self.inode)
            .map_or(&[][..], |inode| inode.now.as_slice());
        let start = index(offset);
        let found = start
            .checked_add(buf.len())
            .and_then(|end| bytes.get(start..end));
        buf.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(ContentChange::Write(offset, bytes.to_vec()))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(ContentChange::Length(len))
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.files.step(false)?;
        disk.answer()?;
        let inode = disk
            .inodes
            .get_mut(self.inode)
            .ok_or(io::ErrorKind::NotFound)?;
        inode.synced.clone_from(&inode.now);
        inode.unsynced.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryLock {
    files: MemoryFiles,
    path: PathBuf,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.files
            .disk
            .lock()
            .locked
            .retain(|held| *held != self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> PathBuf {
        PathBuf::from("d")
    }

    #[test]
    fn what_was_not_synced_may_be_lost_and_what_was_is_not() {
        let files = MemoryFiles::new();
        let path = dir().join("a");
        let file = files.create(&path).unwrap();
        file.write_at(0, b"kept").unwrap();
        file.sync().unwrap();
        files.sync_dir(&dir()).unwrap();
        file.write_at(4, b" and lost").unwrap();
        assert_eq!(
            files.after_crash(Survival::None).read(&path).unwrap(),
            b"kept"
        );
        assert_eq!(
            files.after_crash(Survival::All).read(&path).unwrap(),
            b"kept and lost"
        );
    }

    #[test]
    fn a_name_is_durable_only_with_its_folder() {
        let files = MemoryFiles::new();
        files.create(&dir().join("a")).unwrap().sync().unwrap();
        assert!(
            files
                .after_crash(Survival::None)
                .list(&dir())
                .unwrap()
                .is_empty()
        );
        files.sync_dir(&dir()).unwrap();
        files.rename(&dir().join("a"), &dir().join("b")).unwrap();
        assert_eq!(
            files.after_crash(Survival::None).list(&dir()).unwrap(),
            ["a"]
        );
        assert_eq!(
            files.after_crash(Survival::All).list(&dir()).unwrap(),
            ["b"]
        );
    }

    #[test]
    fn a_write_is_torn_by_sectors() {
        let files = MemoryFiles::new();
        let path = dir().join("a");
        let file = files.create(&path).unwrap();
        files.sync_dir(&dir()).unwrap();
        file.write_at(0, &[1; 160]).unwrap();
        let torn = (0..20).map(|seed| files.after_crash(Survival::Some(seed)).read(&path).unwrap());
        assert!(torn.into_iter().any(|b| b.contains(&0) && b.contains(&1)));
    }

    #[test]
    fn faults_strike_at_their_step() {
        let files = MemoryFiles::new();
        let file = files.create(&dir().join("a")).unwrap();
        files.plan(1, Fault::Fail);
        assert!(file.write_at(0, b"x").is_err(), "step 1 fails");
        file.write_at(0, b"x").unwrap();
        files.plan(files.steps(), Fault::Full);
        assert_eq!(
            file.write_at(1, b"y").unwrap_err().kind(),
            io::ErrorKind::StorageFull
        );
        files.remove(&dir().join("a")).unwrap();
        let files = MemoryFiles::new();
        files.plan(0, Fault::Crash);
        files.create(&dir().join("a")).unwrap_err();
        files.create(&dir().join("b")).unwrap_err();
        assert!(files.is_broken());
    }
}
