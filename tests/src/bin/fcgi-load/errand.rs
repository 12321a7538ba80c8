//! One request and the only answer that is right for it.
//!
//! The token of the request stands in its query; the body of the request, the header `X-Token` and the body of the answer
//! are made of it. `X-Body` tells length and Adler-32 of the body that reached the application (`steady.py`).

use fcgi_tests::{Answer, Request};

/// Which requests are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mix {
    /// Short answers, no bodies, no delays.
    Small,
    /// Delays, uploads and large answers in equal parts.
    Mixed,
    /// Small ones, and one in twenty of the others.
    Soak,
    /// Large answers.
    Large,
    /// Bodies that arrive slowly, small enough to be taken in before the application is called.
    Forms,
}

impl Mix {
    pub(crate) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "small" => Self::Small,
            "mixed" => Self::Mixed,
            "soak" => Self::Soak,
            "large" => Self::Large,
            "forms" => Self::Forms,
            _ => return None,
        })
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) token: String,
    body: usize,
    answer: usize,
    delay_micros: u64,
    in_parts: bool,
}

impl Errand {
    pub(crate) fn random(token: String, mix: Mix, random: &mut Random) -> Self {
        let mut errand = Self { token, body: 0, answer: 0, delay_micros: 0, in_parts: false };
        let kind = match mix {
            Mix::Mixed => random.below(3),
            Mix::Soak if random.below(20) == 0 => random.below(3),
            Mix::Small | Mix::Soak => 3,
            Mix::Large => 4,
            Mix::Forms => 5,
        };
        errand.in_parts = random.below(4) == 0;
        match kind {
            0 => errand.delay_micros = random.below(LONGEST_DELAY_MICROS),
            1 => errand.body = random.size(LARGEST_BODY),
            2 => errand.answer = random.size(LARGEST_ANSWER),
            4 => errand.answer = LARGEST_ANSWER,
            5 => errand.body = FORM,
            _ => errand.answer = random.size(1000),
        }
        errand
    }

    pub(crate) fn request(&self, id: u16, keep: bool) -> Request {
        let way = if self.in_parts { "parts" } else { "list" };
        let query = format!("{}&{}&{}&{way}", self.token, self.answer, self.delay_micros);
        let request = if self.body > 0 {
            Request::post("/", repeated(&self.token, self.body))
        } else {
            Request::get("/")
        };
        let request = request.with("QUERY_STRING", &query).id(id);
        if keep { request.kept() } else { request }
    }

    /// What is wrong with an answer.
    pub(crate) fn fault(&self, answer: &Answer) -> Option<String> {
        let Some(at) = answer.stdout.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Some(format!("no header block in {} bytes", answer.stdout.len()));
        };
        let (head, body) = (&answer.stdout[..at], &answer.stdout[at + 4..]);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        if lines.next() != Some("Status: 200 OK") {
            return Some(format!("head {head:?}"));
        }
        let sent = repeated(&self.token, self.body);
        let expected =
            [format!("X-Token: {}", self.token), format!("X-Body: {} {}", self.body, adler32(&sent))];
        if let Some(missing) = expected.iter().find(|wanted| !lines.clone().any(|line| line == *wanted)) {
            return Some(format!("no {missing:?} in {head:?}"));
        }
        if body != repeated(&self.token, self.answer) {
            let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            return Some(format!("{} bytes, not {}: {start:?}", body.len(), self.answer));
        }
        (!answer.is_whole()).then(|| format!("ended with {:?}, closed {}", answer.end, answer.stdout_closed))
    }
}

/// So many bytes made of a text.
fn repeated(text: &str, length: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().repeat(length.div_ceil(text.len()));
    bytes.truncate(length);
    bytes
}

/// RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1u32, 0u32);
    for chunk in bytes.chunks(ADLER_CHUNK) {
        for byte in chunk {
            low += u32::from(*byte);
            high += low;
        }
        low %= ADLER_MODULUS;
        high %= ADLER_MODULUS;
    }
    high << 16 | low
}

/// A small generator of numbers: xorshift64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    /// A size up to a limit; small ones are more frequent.
    fn size(&mut self, limit: usize) -> usize {
        let part = usize::try_from(self.below(1 << 12)).unwrap();
        (limit * part * part * part) >> 36
    }
}

const LARGEST_BODY: usize = 200_000;
const LARGEST_ANSWER: usize = 300_000;
const LONGEST_DELAY_MICROS: u64 = 20_000;
/// The body of a form.
const FORM: usize = 20_000;
/// No more bytes may be summed before the remainder is taken.
const ADLER_CHUNK: usize = 5552;
const ADLER_MODULUS: u32 = 65_521;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_zlib() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&vec![0xff; 100_000]), 0x149a_302c);
    }

    #[test]
    fn an_answer_to_another_request_is_found_out() {
        let errand = Errand { token: "t1".to_owned(), body: 0, answer: 5, delay_micros: 0, in_parts: false };
        let answer = |token: &str, body: &str| Answer {
            stdout: format!("Status: 200 OK\r\nX-Token: {token}\r\nX-Body: 0 1\r\n\r\n{body}").into_bytes(),
            stdout_closed: true,
            end: Some((0, 0)),
            ..Answer::default()
        };
        assert_eq!(errand.fault(&answer("t1", "t1t1t")), None);
        for wrong in [answer("t2", "t1t1t"), answer("t1", "t2t2t"), answer("t1", "t1t1"), Answer::default()] {
            assert!(errand.fault(&wrong).is_some(), "{wrong:?}");
        }
        assert!(errand.fault(&Answer { end: None, ..answer("t1", "t1t1t") }).is_some());
    }

    #[test]
    fn sizes_reach_from_nothing_to_the_limit() {
        let mut random = Random::new(7);
        let sizes: Vec<usize> = (0..20_000).map(|_| random.size(LARGEST_ANSWER)).collect();
        assert!(sizes.iter().any(|size| *size < 10));
        assert!(sizes.iter().any(|size| *size > LARGEST_ANSWER * 9 / 10));
        assert!(sizes.iter().all(|size| *size <= LARGEST_ANSWER));
    }
}
