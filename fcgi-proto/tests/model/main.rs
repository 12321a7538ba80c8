//! A whole `server::Connection` against a plain model of FastCGI 1.0: any records, cut anywhere, in any order, with an
//! application that answers, ends and gives up requests in between.
//!
//! `conversation.rs` makes the conversations, `side_by_side` gives them to both and compares. The fuzz target
//! `server_conversation` uses the same model.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

mod conversation;
mod side_by_side;

use conversation::{converse, rules, steps};
use proptest::prelude::*;
#[cfg(not(miri))]
use proptest::{strategy::ValueTree, test_runner::TestRunner};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 3000 }))]

    #[test]
    fn a_connection_does_what_the_specification_says(rules in rules(), steps in steps()) {
        converse(&rules, &steps);
    }
}

/// The comparison above is worth as much as the places that its conversations reach.
#[test]
#[cfg(not(miri))] // thousands of conversations
fn the_conversations_reach_every_event_every_answer_and_every_error() {
    let (mut runner, mut missing) = (TestRunner::deterministic(), wanted());
    for _ in 0..5000 {
        let (rules, steps) = (rules(), steps()).new_tree(&mut runner).unwrap().current();
        let seen = converse(&rules, &steps);
        missing.retain(|wanted| !seen.iter().any(|seen| seen.contains(wanted)));
        if missing.is_empty() {
            return;
        }
    }
    panic!("never reached: {missing:?}");
}

/// Parts of what has to be seen.
#[cfg(not(miri))]
fn wanted() -> Vec<&'static str> {
    let told = ["Request {", "Stdin {", "StdinEnd {", "Data {", "DataEnd {", "Aborted {"];
    let warnings = ["GoesOn {", "Unexpected {", "UnexpectedEnd {"];
    let reasons = [
        "reason: TooManyRequests",
        "reason: Params(TooLarge)",
        "reason: Params(LengthTooLarge)",
        "reason: Params(TooMany)",
        "reason: Params(Truncated)",
        "reason: Params(Nul)",
    ];
    let faults = [
        "Version(",
        "BeginLength(",
        "BeginWithoutId",
        "BeginTwice",
        "TooMuchEarly",
        "TooMuchSkipped",
        "ManagementTooLarge(",
        "ManagementMalformed",
    ];
    let ends = ["sent 3 [0, 0, 0, 0, 1,", "sent 3 [0, 0, 0, 0, 2,", "sent 3 [0, 0, 0, 0, 3,"];
    let streams = ["sent 6 []", "sent 6 [83", "sent 6 [111", "sent 7 []", "sent 7 [101"];
    let management = ["sent 10 []", "sent 10 [14,", "sent 11 ["];
    let dispositions = ["Keep", "Close", "Drain { close: true }", "Drain { close: false }"];
    let all: [&[_]; 8] = [&told, &warnings, &reasons, &faults, &ends, &streams, &management, &dispositions];
    all.concat()
}
