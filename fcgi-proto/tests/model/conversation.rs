//! Conversations at random: what a web server sends, well-formed and odd, where it is cut, and what an application does.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::side_by_side::vocabulary::{ABORT, BEGIN, DATA, GET_VALUES, PARAMS, Rules, STDIN};
use crate::side_by_side::{Command, SideBySide};

/// One step of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    action: Action,
    delivery: Delivery,
    /// Whether the application looks after what it is told, and whether what is sent is taken.
    takes: (bool, bool),
}

#[derive(Clone, Debug)]
enum Action {
    /// The web server writes; what of it arrives is another matter.
    Write(Vec<Item>),
    /// The application acts on one of its requests, counted from the last one.
    Command(usize, Command),
    Eof,
}

/// How much of what the web server has written arrives, and in which pieces.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Nothing,
    UpTo(Index),
    ByteByByte,
    Everything,
}

/// Something that a web server writes. Ids are places in a table, see [`id`].
#[derive(Clone, Debug)]
enum Item {
    Record { kind: u8, at: u8, content: Vec<u8>, padding: u8 },
    Begins { from: u8, count: u8 },
    Bytes(Vec<u8>),
}

/// Runs a conversation on a connection and on the model, and gives what was seen on the way.
pub(crate) fn converse(rules: &Rules, steps: &[Step]) -> Vec<String> {
    let mut both = SideBySide::new(rules.clone());
    both.seen = Some(Vec::new());
    let mut written = Vec::new();
    for step in steps {
        match &step.action {
            Action::Write(items) => items.iter().for_each(|item| write(&mut written, item, rules)),
            Action::Command(at, command) => both.command(*at, *command),
            Action::Eof => both.receive_eof(),
        }
        match step.delivery {
            Delivery::Nothing => {}
            Delivery::UpTo(index) => {
                let rest = written.split_off(index.index(written.len() + 1));
                both.receive(&std::mem::replace(&mut written, rest));
            }
            Delivery::ByteByByte => written.drain(..).for_each(|byte| both.receive(&[byte])),
            Delivery::Everything => both.receive(&std::mem::take(&mut written)),
        }
        if step.takes.0 {
            both.take_told();
        }
        if step.takes.1 {
            both.take_sent();
        }
    }
    both.receive(&written);
    both.take_told();
    both.take_sent();
    both.seen.unwrap_or_default()
}

fn write(out: &mut Vec<u8>, item: &Item, rules: &Rules) {
    match item {
        Item::Record { kind, at, content, padding } => {
            write_record(out, *kind, id(*at, rules), content, *padding);
        }
        Item::Begins { from, count } => {
            for at in *from..from.saturating_add(*count) {
                write_record(out, BEGIN, id(at, rules), &[0, 1, 1, 0, 0, 0, 0, 0], 0);
            }
        }
        Item::Bytes(bytes) => out.extend_from_slice(bytes),
    }
}

fn write_record(out: &mut Vec<u8>, kind: u8, id: u16, content: &[u8], padding: u8) {
    out.extend([1, kind]);
    out.extend(id.to_be_bytes());
    out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    out.extend([padding, 0xaa]);
    out.extend_from_slice(content);
    out.resize(out.len() + usize::from(padding), 0xee);
}

/// A few more ids than requests can be active, half of them with the same lower byte.
fn id(at: u8, rules: &Rules) -> u16 {
    if at == MANAGEMENT {
        return 0;
    }
    let count = u8::try_from(2 * rules.max_active_requests + 2).unwrap();
    let at = u16::from(at % count) + 1;
    if at % 2 == 0 { at } else { 256 * at + 1 }
}

/// The place of the id of management records.
const MANAGEMENT: u8 = u8::MAX;

/// The id of a record that goes on with something, and finds it more often if it is one of a few.
fn place() -> impl Strategy<Value = u8> {
    prop_oneof![3 => 0..3_u8, 2 => any::<u8>()]
}

/// Limits that are met now and then, and roles of all sorts.
pub(crate) fn rules() -> impl Strategy<Value = Rules> {
    let params = (select(vec![1000, 1000, 60, 21, 0]), select(vec![50, 50, 4, 1, 0]));
    let requests = select(vec![1, 1, 3, 3, 16, 0]);
    let input = (select(vec![100_000, 100_000, 1000, 48, 0]), select(vec![65_535, 60, 15, 0]));
    let early = select(vec![1000, 30, 15, 0]);
    let page: &[u8] = b"Status: 503 Service Unavailable\r\n\r\n";
    let answers = (select(vec![3, 1, 0]), select(vec![100, 4, 1, 0]), select(vec![b"", page]));
    let roles = prop_oneof![3 => Just(vec![1, 2, 3]), 1 => subsequence(vec![1, 2, 3], 0..=3)];
    (params, requests, input, early, answers, roles).prop_map(
        |(params, requests, input, early, answers, roles)| Rules {
            max_params_bytes: params.0,
            max_params_pairs: params.1,
            max_active_requests: requests,
            max_skipped_bytes: input.0,
            max_management_bytes: input.1,
            max_early_bytes: early,
            max_unknown_type_answers: answers.0,
            max_warnings: answers.1,
            roles,
            max_conns: 50,
            max_reqs: 4_000_000_000,
            overload_answer: answers.2,
        },
    )
}

/// The steps of one conversation.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let delivery = prop_oneof![
        1 => Just(Delivery::Nothing),
        3 => any::<Index>().prop_map(Delivery::UpTo),
        1 => Just(Delivery::ByteByByte),
        6 => Just(Delivery::Everything),
    ];
    let takes = (prop::bool::weighted(0.9), prop::bool::weighted(0.8));
    let step =
        (action(), delivery, takes).prop_map(|(action, delivery, takes)| Step { action, delivery, takes });
    vec(step, 0..if cfg!(miri) { 12 } else { 50 })
}

fn action() -> impl Strategy<Value = Action> {
    // Where every instruction is interpreted, large pieces take too long.
    let piece = |sizes: &[usize]| select(sizes[..if cfg!(miri) { 3 } else { sizes.len() }].to_vec());
    let command = prop_oneof![
        3 => piece(&[0, 1, 8, 1023, 1024, 65_528, 140_000]).prop_map(Command::Stdout),
        2 => piece(&[0, 3, 1025, 65_536]).prop_map(Command::Stderr),
        4 => any::<u32>().prop_map(Command::End),
        2 => Just(Command::Retire),
    ];
    let times = prop_oneof![12 => Just(1), 1 => 2..6_usize];
    prop_oneof![
        60 => (items(), times).prop_map(|(items, times)| Action::Write(vec![items; times].concat())),
        30 => (prop_oneof![3 => 0..3_usize, 1 => any::<usize>()], command).prop_map(|(at, command)| Action::Command(at, command)),
        3 => Just(Action::Eof),
    ]
}

/// What a web server writes at once: part of a request, a whole one, or something else.
fn items() -> impl Strategy<Value = Vec<Item>> {
    let one = |item: BoxedStrategy<Item>| item.prop_map(|item| vec![item]).boxed();
    prop_oneof![
        4 => one(begin().boxed()),
        6 => (place(), params()).prop_map(|(at, params)| records(PARAMS, at, params)),
        6 => one((select(vec![PARAMS, PARAMS, STDIN, STDIN, DATA]), place()).prop_map(end_of_stream).boxed()),
        4 => (select(vec![STDIN, DATA]), place(), vec(content(), 1..4))
            .prop_map(|(kind, at, pieces)| records(kind, at, pieces)),
        2 => one(place().prop_map(|at| record(ABORT, at, vec![])).boxed()),
        5 => whole_request(),
        2 => one(get_values().boxed()),
        3 => one(odd_record().boxed()),
        1 => one((any::<u8>(), 1..40_u8).prop_map(|(from, count)| Item::Begins { from, count }).boxed()),
        1 => one(prop_oneof![8 => Just(vec![]), 1 => vec(any::<u8>(), 1..20)].prop_map(Item::Bytes).boxed()),
    ]
}

fn record(kind: u8, at: u8, content: Vec<u8>) -> Item {
    Item::Record { kind, at, content, padding: 0 }
}

fn records(kind: u8, at: u8, pieces: Vec<Vec<u8>>) -> Vec<Item> {
    pieces.into_iter().filter(|piece| !piece.is_empty()).map(|piece| record(kind, at, piece)).collect()
}

fn end_of_stream((kind, at): (u8, u8)) -> Item {
    record(kind, at, vec![])
}

fn begin() -> impl Strategy<Value = Item> {
    let length = prop_oneof![20 => Just(8), 1 => select(vec![0, 2, 3, 7, 9])];
    (any::<u8>(), role_and_flags(), length, padding()).prop_map(|(at, body, length, padding)| {
        let mut content = body.to_vec();
        content.resize(length, 0x55);
        Item::Record { kind: BEGIN, at, content, padding }
    })
}

/// The start of the body of `BEGIN_REQUEST`.
fn role_and_flags() -> impl Strategy<Value = [u8; 3]> {
    let role =
        prop_oneof![12 => (1..=3_u8).prop_map(|role| [0, role]), 1 => select(vec![[0, 0], [0, 4], [1, 1]])];
    let flags = select(vec![1, 1, 1, 1, 0, 0x81, 0xfe]);
    (role, flags).prop_map(|(role, flags)| [role[0], role[1], flags])
}

fn padding() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(0), 1 => any::<u8>()]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![6 => vec(any::<u8>(), 0..20), 1 => (20..400_usize).prop_map(|length| vec![b'x'; length])]
}

/// A stream of pairs, whole or cut short, in one record or several.
fn params() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![30 => b'A'..=b'Z', 1 => Just(0)];
    let text =
        prop_oneof![15 => vec(byte, 0..6), 1 => (100..200_usize).prop_map(|length| vec![b'v'; length])];
    let long_forms = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let pair = (text.clone(), text, long_forms).prop_map(|(name, value, long)| {
        let lengths = [encoded_length(name.len(), long.0), encoded_length(value.len(), long.1)];
        [lengths.concat(), name, value].concat()
    });
    let odd = prop_oneof![
        20 => Just(vec![]),
        2 => vec(any::<u8>(), 1..9),
        1 => select(vec![vec![0xff; 8], vec![1, 0x80, 0, 3, 0xe8], vec![1, 0x81, 0, 0, 1, b'A', b'v'], vec![20, 0], vec![1]]),
    ];
    let cuts = prop_oneof![2 => Just(vec![]), 2 => vec(any::<Index>(), 1..4)];
    (vec(pair, 0..6), odd, cuts).prop_map(|(pairs, odd, cuts)| cut([pairs.concat(), odd].concat(), &cuts))
}

/// A length in its short form where it has one, unless the long one is wanted.
fn encoded_length(length: usize, long: bool) -> Vec<u8> {
    let bytes = u32::try_from(length).unwrap().to_be_bytes();
    if long || length > 127 { vec![bytes[0] | 0x80, bytes[1], bytes[2], bytes[3]] } else { vec![bytes[3]] }
}

fn cut(mut stream: Vec<u8>, cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces: Vec<Vec<u8>> = places.into_iter().rev().map(|place| stream.split_off(place)).collect();
    pieces.push(stream);
    pieces.reverse();
    pieces
}

/// A request from its begin to the end of its streams, now and then without one of these ends.
fn whole_request() -> BoxedStrategy<Vec<Item>> {
    let ends =
        prop_oneof![4 => Just(vec![PARAMS, STDIN, DATA]), 1 => subsequence(vec![PARAMS, STDIN, DATA], 0..3)];
    let early = prop::bool::weighted(0.25);
    let body = || vec(content(), 0..3);
    (any::<u8>(), role_and_flags(), params(), body(), body(), ends, early)
        .prop_map(|(at, body, params, stdin, data, ends, early)| {
            let mut content = body.to_vec();
            content.resize(8, 0);
            let stream = |kind, pieces| {
                let mut items = records(kind, at, pieces);
                items.extend(ends.contains(&kind).then(|| record(kind, at, vec![])));
                items
            };
            let mut streams = vec![stream(PARAMS, params), stream(STDIN, stdin)];
            if body[1] == 3 {
                streams.push(stream(DATA, data));
            }
            if early {
                streams.reverse();
            }
            [vec![record(BEGIN, at, content)], streams.concat()].concat()
        })
        .boxed()
}

fn get_values() -> impl Strategy<Value = Item> {
    let name = select(vec!["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "X", "FCGI_MAX_CONN"]);
    let query = vec(name, 0..5).prop_map(|names| {
        let pair = |name: &str| [&[u8::try_from(name.len()).unwrap(), 0], name.as_bytes()].concat();
        names.into_iter().flat_map(pair).collect::<Vec<u8>>()
    });
    let odd = prop_oneof![12 => Just(vec![]), 1 => vec(any::<u8>(), 1..5)];
    (query, odd, padding()).prop_map(|(query, odd, padding)| Item::Record {
        kind: GET_VALUES,
        at: MANAGEMENT,
        content: [query, odd].concat(),
        padding,
    })
}

/// Any type with any id.
fn odd_record() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![4 => 2..=12_u8, 1 => any::<u8>()];
    let at = prop_oneof![2 => place(), 1 => Just(MANAGEMENT)];
    let content = prop_oneof![Just(vec![]), content()];
    (kind, at, content, padding()).prop_map(|(kind, at, content, padding)| Item::Record {
        kind,
        at,
        content,
        padding,
    })
}
