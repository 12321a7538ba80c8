//! What kind of load is wanted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fcgi_tests::Address;

use crate::errand::Mix;

/// The words, read.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `socket=PATH` or `tcp=HOST:PORT`.
    pub(crate) address: Address,
    /// `requests=N`: answers to collect, over all connections.
    pub(crate) requests: u64,
    /// `connections=N`: at once.
    pub(crate) connections: usize,
    /// `keep=true`: connections are kept; otherwise there is one for each request.
    pub(crate) keep: bool,
    /// `active=N`: requests at once on each connection; more than one needs `keep=true`.
    pub(crate) active: usize,
    /// `mix=small`, `mix=mixed` or `mix=soak`.
    pub(crate) mix: Mix,
    /// `seed=N`: makes tokens of different runs different.
    pub(crate) seed: u64,
    /// `until=refused`: nobody who listens is the end, and not a fault.
    pub(crate) until_refused: bool,
    /// `pause=MS`: rest between two pieces, for slow readers and writers.
    pub(crate) pause: Option<Duration>,
}

impl Options {
    /// Reads the words.
    ///
    /// # Errors
    /// A sentence about the word that makes no sense.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut address = None;
        let mut options = Self {
            address: Address::Unix(PathBuf::new()),
            requests: 1000,
            connections: 8,
            keep: false,
            active: 1,
            mix: Mix::Small,
            seed: 1,
            until_refused: false,
            pause: None,
        };
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}` has no value"))?;
            let number = || value.parse::<u64>().map_err(|error| format!("`{word}`: {error}"));
            let count = || value.parse::<usize>().map_err(|error| format!("`{word}`: {error}"));
            match key {
                "socket" => address = Some(Address::Unix(value.into())),
                "tcp" => {
                    let tcp: SocketAddr = value.parse().map_err(|error| format!("`{word}`: {error}"))?;
                    address = Some(Address::Tcp(tcp));
                }
                "requests" => options.requests = number()?,
                "connections" => options.connections = count()?,
                "keep" => options.keep = value == "true",
                "active" => options.active = count()?.max(1),
                "mix" => options.mix = Mix::read(value).ok_or_else(|| format!("`{word}` is no mix"))?,
                "seed" => options.seed = number()?,
                "until" => options.until_refused = value == "refused",
                "pause" => options.pause = Some(Duration::from_millis(number()?)),
                _ => return Err(format!("`{key}` is not known")),
            }
        }
        options.address = address.ok_or("`socket=PATH` or `tcp=HOST:PORT` is missing")?;
        if options.active > 1 && !options.keep {
            return Err("`active` needs `keep=true`".to_owned());
        }
        Ok(options)
    }
}
