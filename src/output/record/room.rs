//! Is there room for recordings?

use std::path::Path;

use nix::sys::statvfs::statvfs;

/// Left for whatever else needs the disk.
const RESERVE: u64 = 200 << 20;
/// Of a small disk only such a part is left.
const SHARE: u64 = 50;

/// Room on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) free: u64,
    pub(super) size: u64,
}

impl Disk {
    /// Of the disk that the folder is on.
    pub(super) fn of(folder: &Path) -> std::io::Result<Self> {
        let stat = statvfs(folder).map_err(std::io::Error::from)?;
        let unit = stat.fragment_size() as u64;
        Ok(Self {
            free: stat.blocks_available() as u64 * unit,
            size: stat.blocks() as u64 * unit,
        })
    }

    fn reserve(self) -> u64 {
        RESERVE.min(self.size / SHARE)
    }
}

/// Recordings stop when the reserve is touched, and go on when there is twice as much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Room {
    #[default]
    Enough,
    TooLittle,
}

impl Room {
    /// How it is now.
    pub(super) fn after(self, disk: Disk) -> Self {
        let wanted = match self {
            Self::Enough => disk.reserve(),
            Self::TooLittle => 2 * disk.reserve(),
        };
        if disk.free < wanted {
            return Self::TooLittle;
        }
        Self::Enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_stop_above_the_end_and_go_on_well_above_it() {
        let disk = |free, size| Disk { free, size };
        let big = 1 << 40;
        assert_eq!(Room::Enough.after(disk(RESERVE, big)), Room::Enough);
        assert_eq!(Room::Enough.after(disk(RESERVE - 1, big)), Room::TooLittle);
        let low = disk(RESERVE + 9, big);
        assert_eq!(Room::TooLittle.after(low), Room::TooLittle);
        assert_eq!(Room::TooLittle.after(disk(2 * RESERVE, big)), Room::Enough);
    }

    #[test]
    fn a_small_disk_keeps_a_small_reserve() {
        let disk = Disk {
            free: 100_000,
            size: 4_000_000,
        };
        assert_eq!(Room::Enough.after(disk), Room::Enough);
        assert_eq!(Room::TooLittle.after(disk), Room::TooLittle);
    }

    #[test]
    fn a_disk_has_a_size() {
        let disk = Disk::of(&std::env::temp_dir()).unwrap();
        assert!(disk.size > 0 && disk.free <= disk.size);
        assert!(Disk::of(Path::new("/nonexistent/folder")).is_err());
    }
}
