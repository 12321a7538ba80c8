//! The program's own code in memory, of which a server that is up needs little.
//!
//! A page of a file that was touched once stays mapped, with some 60 KiB around it, for as long as the process lives: all that has
//! read the command line, checked the configuration, started the interpreter. When a process has come to its work it lets go of
//! all of it; what it uses comes back by itself, from the kernel's cache, at the first touch. Only pages that are the same as in
//! their file can be let go of so; nothing else is touched here.

#![expect(unsafe_code, reason = "mappings are given back to the kernel here")]

use std::fs::File;
use std::io::{BufRead, BufReader};

/// Lets go of the pages of the program, and of the interpreter's library, that are unchanged. An attempt: where the system tells
/// nothing of them, they stay.
pub fn let_go() {
    let Ok(file) = File::open("/proc/self/smaps") else { return };
    let ours = let_go as fn() as usize;
    let mut mappings = Vec::new();
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(mapping) = Mapping::read(&line) {
            mappings.push(mapping);
        } else if let (Some(mapping), Some(size)) = (mappings.last_mut(), line.strip_prefix("Anonymous:")) {
            mapping.is_changed = size.trim() != "0 kB";
        }
    }
    let Some(own) = mappings.iter().find(|mapping| mapping.start <= ours && ours < mapping.end) else {
        return;
    };
    let is_meant = |mapping: &&Mapping| mapping.file == own.file || mapping.is_interpreter();
    for mapping in mappings.iter().filter(is_meant).filter(|mapping| mapping.is_as_in_file()) {
        let start = std::ptr::without_provenance_mut(mapping.start);
        // SAFETY: the pages cannot be written to, and none of them differs from its file, from which it is read anew.
        let _ = unsafe { libc::madvise(start, mapping.end - mapping.start, libc::MADV_DONTNEED) };
    }
}

/// A stretch of memory, as `/proc/self/smaps` tells of it.
#[derive(Debug, Eq, PartialEq)]
struct Mapping {
    start: usize,
    end: usize,
    /// Nobody can write here.
    is_constant: bool,
    file: String,
    /// Some of it is not what stands in the file: addresses that were filled in when it was loaded, for example.
    is_changed: bool,
}

impl Mapping {
    /// Reads the first line about a mapping, in which it has six fields.
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let is_constant = matches!(fields.next()?, "r-xp" | "r--p");
        let file = fields.nth(3)?.trim_start().to_owned();
        Some(Self { start, end, is_constant, file, is_changed: true })
    }

    fn is_interpreter(&self) -> bool {
        self.file.rsplit('/').next().is_some_and(|name| name.starts_with("libpython"))
    }

    fn is_as_in_file(&self) -> bool {
        self.file.starts_with('/') && self.is_constant && !self.is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static CONSTANT: [u64; 2048] = [7; 2048];

    #[test]
    fn what_is_let_go_of_is_there_all_the_same() {
        let mut changed = Box::new([1_u64; 2048]);
        changed[5] = 9;
        for _ in 0..3 {
            let_go();
            assert!(CONSTANT.iter().all(|number| *number == 7));
            assert_eq!((changed[4], changed[5]), (1, 9));
            assert_eq!(format!("{:?}", Mapping::read("no mapping")), "None");
        }
    }

    #[test]
    fn only_what_is_as_in_its_file_is_let_go_of() {
        let read = |line| Mapping::read(line).unwrap();
        let code = read("55d0-55e0 r-xp 000df000 fd:00 4242                       /opt/a server/fcgi-run");
        assert_eq!((code.start, code.end, &*code.file), (0x55d0, 0x55e0, "/opt/a server/fcgi-run"));
        assert!(!code.is_as_in_file(), "not before it is known whether it was changed");
        assert!(Mapping { is_changed: false, ..code }.is_as_in_file());
        let data = read("55d0-55e0 rw-p 000df000 fd:00 4242 /opt/fcgi-run");
        assert!(!Mapping { is_changed: false, ..data }.is_as_in_file());
        let memory = read("55d0-55e0 r--p 00000000 00:00 0 ");
        assert!(!Mapping { is_changed: false, ..memory }.is_as_in_file());
        assert!(read("1000-2000 r-xp 00000000 fd:00 1 /usr/lib/libpython3.11.so.1.0").is_interpreter());
        assert_eq!(Mapping::read("Anonymous:             0 kB"), None);
        assert_eq!(Mapping::read("VmFlags: rd ex mr mw me"), None);
    }
}
