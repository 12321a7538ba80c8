//! An application's connection next to the model of the specification: input at random, commands at random.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/model/side_by_side/mod.rs"]
mod side_by_side;

use side_by_side::vocabulary::Rules;
use side_by_side::{Command, SideBySide};

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    /// Raw bytes from the peer.
    Bytes(&'a [u8]),
    /// A record with a right header from the peer.
    Record {
        record_type: u8,
        id: u8,
        content: &'a [u8],
        padding: u8,
    },
    Stdout {
        key: u8,
        length: u16,
    },
    Stderr {
        key: u8,
        length: u16,
    },
    End {
        key: u8,
    },
    Retire {
        key: u8,
    },
    Eof,
}

/// Limits that are small enough to be met; the lower bits of `choice` make others of them.
fn rules(choice: u8) -> Rules {
    Rules {
        max_params_bytes: if choice & 1 == 0 { 200 } else { 20 },
        max_params_pairs: if choice & 1 == 0 { 8 } else { 2 },
        max_active_requests: [3, 1, 16, 0][usize::from(choice >> 1) % 4],
        max_skipped_bytes: if choice & 8 == 0 { 2000 } else { 100 },
        max_management_bytes: if choice & 16 == 0 { 200 } else { 14 },
        max_early_bytes: if choice & 32 == 0 { 50 } else { 0 },
        max_unknown_type_answers: 3,
        max_warnings: if choice & 64 == 0 { 100 } else { 3 },
        roles: if choice & 128 == 0 { vec![1, 2, 3] } else { vec![1] },
        max_conns: 1,
        max_reqs: 3,
        overload_answer: if choice & 64 == 0 { b"" } else { b"Status: 503\r\n\r\n" },
    }
}

fuzz_target!(|input: (Vec<Operation<'_>>, u8)| {
    let (operations, choice) = input;
    let mut both = SideBySide::new(rules(choice));
    for operation in operations {
        match operation {
            Operation::Bytes(bytes) => both.receive(bytes),
            Operation::Record { record_type, id, content, padding } => {
                let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
                let mut record = vec![1, record_type % 13, 0, id % 6];
                record.extend_from_slice(&length.to_be_bytes());
                record.extend_from_slice(&[padding, 0]);
                record.extend_from_slice(&content[..usize::from(length)]);
                record.resize(record.len() + usize::from(padding), 0xee);
                both.receive(&record);
            }
            Operation::Stdout { key, length } => both.command(key.into(), Command::Stdout(length.into())),
            Operation::Stderr { key, length } => both.command(key.into(), Command::Stderr(length.into())),
            Operation::End { key } => both.command(key.into(), Command::End(0)),
            Operation::Retire { key } => both.command(key.into(), Command::Retire),
            Operation::Eof => both.receive_eof(),
        }
        both.take_told();
        both.take_sent();
    }
});
