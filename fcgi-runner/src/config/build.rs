//! From settings to the [`Config`]: every option is read, checked and set against the others here.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    AccessRules, Config, HttpAddress, Limits, LogLevel, LogPlace, Method, OnAbort, Pool, StaticMount, Times,
    control::control,
    listen::listen,
    log_format::{self, Pattern},
    security,
    settings::Settings,
    status::status,
};
use crate::options::{Client, Origin, Preset, UsageError, Value, find};

/// Puts a [`Config`] together. `warnings` are those that have come up so far.
///
/// # Errors
///
/// The operator is at fault; the first error is reported.
pub fn build(settings: &Settings, start_dir: &Path, warnings: Vec<String>) -> Result<Config, UsageError> {
    check_protocol(settings)?;
    let read = Reader { settings, start_dir };
    let (listen, pidfile) = (listen(settings, start_dir)?, read.path("pidfile")?);
    let mut config = Config {
        control: control(settings, start_dir, pidfile.as_deref(), &listen)?,
        listen,
        method: read.choice("method", METHODS)?,
        min_spare: read.count("minspare")?.unwrap_or_default(),
        max_spare: read.count("maxspare")?.unwrap_or_default(),
        max_children: read.count("maxchildren")?.unwrap_or_default(),
        threads: read.count("threads")?,
        pool: read.choice("pool", POOLS)?.unwrap_or(Pool::Dynamic),
        max_requests: read.number("maxrequests")?.unwrap_or_default(),
        max_lifetime: read.time("maxlifetime")?.filter(|time| !time.is_zero()),
        max_memory: read.number("maxmemory")?.filter(|size| *size > 0),
        jitter: read.number("jitter")?.and_then(|percent| u8::try_from(percent).ok()).unwrap_or_default(),
        daemonize: read.flag("daemonize")?,
        pidfile,
        workdir: read.path("workdir")?,
        start_dir: start_dir.to_owned(),
        outlog: read.log("outlog")?,
        errlog: read.log("errlog")?,
        capture: read.flag("capture")?,
        accesslog: read.log("accesslog")?,
        access: access_rules(&read)?,
        loglevel: read.choice("loglevel", LOG_LEVELS)?.unwrap_or(LogLevel::Info),
        umask: read.mode("umask")?.unwrap_or_default(),
        socket_mode: read.mode("socketmode")?,
        debug: read.flag("debug")?.unwrap_or_default(),
        app: read.text("app")?,
        authorizer: read.text("authorizer")?,
        filter: read.text("filter")?,
        settings: read.text("settings")?,
        pythonpath: read.paths("pythonpath")?,
        virtualenv: read.path("virtualenv")?,
        script_name: read.text("scriptname")?,
        limits: limits(&read)?,
        times: times(&read)?,
        slowlog: read.path("slowlog")?,
        stop_timeout: read.time("stoptimeout")?.unwrap_or_default(),
        start_timeout: read.time("starttimeout")?.filter(|time| !time.is_zero()),
        probe: read.text("probe")?,
        touch_reload: read.paths("touchreload")?,
        reload: read.flag("reload")?.unwrap_or_default(),
        on_abort: read.choice("abort", ABORTS)?.unwrap_or(OnAbort::Ignore),
        preload: read.flag("preload")?.unwrap_or_default(),
        http: read.address("http")?,
        statics: read.mounts("static")?,
        status: status(&read)?,
        security: security::security(&read)?,
        warnings,
    };
    settle_spare(&mut config, settings);
    settle_reload(&mut config);
    warn_of_idle_options(&mut config, settings);
    Ok(config)
}

/// How requests are written down.
fn access_rules(read: &Reader<'_>) -> Result<AccessRules, UsageError> {
    let typed = read.text("accessformat")?.unwrap_or_default();
    let format = log_format::parse(&typed).map_err(|directive| {
        let setting = read.settings.last("accessformat");
        let origin = setting.map_or(Origin::CommandLine, |setting| setting.origin.clone());
        UsageError::LogFormat { directive, origin }
    })?;
    let skip = read.words("accessskip")?.into_iter().map(Pattern::new).collect();
    let redact = read.words("redact")?.into_iter().map(Pattern::ignoring_case).collect();
    Ok(AccessRules { format, skip, redact })
}

/// What peers may make a worker do.
fn limits(read: &Reader<'_>) -> Result<Limits, UsageError> {
    Ok(Limits {
        request_buffer: read.count("requestbuffer")?.unwrap_or_default(),
        max_body: read.number("maxbody")?.filter(|size| *size > 0),
        max_params: read.count("maxparams")?.unwrap_or_default(),
        max_pairs: read.count("maxpairs")?.unwrap_or_default(),
        max_active: read.count("maxactive")?.unwrap_or_default(),
        max_connections: read.count("maxconnections")?,
        max_drain: read.count("maxdrain")?.unwrap_or_default(),
        header_timeout: read.time("headertimeout")?.unwrap_or_default(),
        read_timeout: read.time("readtimeout")?.unwrap_or_default(),
        write_timeout: read.time("writetimeout")?.unwrap_or_default(),
        drain_timeout: read.time("draintimeout")?.unwrap_or_default(),
        idle_timeout: read.time("idletimeout")?.unwrap_or_default(),
        queue_timeout: read.time("queuetimeout")?.filter(|time| !time.is_zero()),
    })
}

/// How long the application may take.
fn times(read: &Reader<'_>) -> Result<Times, UsageError> {
    Ok(Times {
        request: read.time("requesttimeout")?.filter(|time| !time.is_zero()),
        grace: read.time("killgrace")?.unwrap_or_default(),
        slow: read.time("slowtimeout")?.unwrap_or_default(),
        deadlock: read.time("deadlocktimeout")?.filter(|time| !time.is_zero()),
    })
}

/// Who develops sits before a terminal, and wants new code, also where it is broken.
fn settle_reload(config: &mut Config) {
    if !config.reload {
        return;
    }
    config.daemonize.get_or_insert(false);
    if std::mem::take(&mut config.preload) {
        config.warnings.push("`preload` does nothing beside `reload`".to_owned());
    }
}

/// Refuses by name the other protocols that `runfcgi` knew.
fn check_protocol(settings: &Settings) -> Result<(), UsageError> {
    let Some(setting) = settings.last("protocol") else { return Ok(()) };
    let name = setting.value.to_string_lossy().trim().to_ascii_lowercase();
    if ["scgi", "ajp"].contains(&name.as_str()) {
        return Err(UsageError::Protocol(name));
    }
    setting.read("protocol", Path::new("/")).map(drop)
}

/// Brings the three numbers into an order that can be kept.
fn settle_spare(config: &mut Config, settings: &Settings) {
    let typed = |name| settings.last(name).is_some();
    let threaded = config.method == Some(Method::Threaded);
    if config.pool == Pool::Static {
        if typed("maxchildren") {
            config.max_spare = config.max_children;
        }
        (config.min_spare, config.max_children) = (0, config.max_spare);
        return;
    }
    if config.pool == Pool::OnDemand && !threaded {
        // There is nothing to spare.
        (config.min_spare, config.max_spare) = (0, 1);
        return;
    }
    if config.min_spare > config.max_spare {
        // Who types `maxspare=1` alone has said nothing wrong.
        if typed("minspare") {
            config.warnings.push(format!(
                "`minspare={}` is more than `maxspare={}` and is lowered to it",
                config.min_spare, config.max_spare
            ));
        }
        config.min_spare = config.max_spare;
    }
    config.max_children = config.max_children.max(config.max_spare);
}

/// Warns of options that do nothing because another one is missing.
fn warn_of_idle_options(config: &mut Config, settings: &Settings) {
    let is_typed = |option: &str| settings.last(option).is_some();
    let others = [
        (config.http.is_none() && !config.statics.is_empty(), "static", "http"),
        (config.times.request.is_none() && is_typed("killgrace"), "killgrace", "requesttimeout"),
        (config.slowlog.is_none() && is_typed("slowtimeout"), "slowtimeout", "slowlog"),
        (config.status.socket.is_none() && is_typed("statusmode"), "statusmode", "statussocket"),
        (
            config.status.port.is_none() && config.status.path.is_none() && is_typed("statusallow"),
            "statusallow",
            "statuspath` or `statusport",
        ),
    ];
    let others = others.into_iter().filter(|(idle, ..)| *idle).map(|(_, option, needed)| (option, needed));
    let of_files = security::idle_options(config).map(|option| (option, "socket"));
    let idle: Vec<_> = others.chain(of_files).collect();
    for (option, needed) in idle {
        config.warnings.push(format!("`{option}` does nothing without `{needed}`"));
    }
}

/// Typed access to settings; an option that was not set has its preset.
pub(super) struct Reader<'a> {
    settings: &'a Settings,
    start_dir: &'a Path,
}

impl Reader<'_> {
    pub(super) fn value(&self, name: &str) -> Result<Option<Value>, UsageError> {
        if let Some(setting) = self.settings.last(name) {
            return setting.read(name, self.start_dir).map(Some);
        }
        let Some((Preset::Value(preset), option)) = find(name).map(|option| (option.preset, option)) else {
            return Ok(None);
        };
        Ok(option.value.read(preset.as_ref(), self.start_dir).ok())
    }

    /// All values of an option that may be repeated.
    fn values(&self, name: &str) -> Result<Vec<Value>, UsageError> {
        self.settings.all(name).iter().map(|setting| setting.read(name, self.start_dir)).collect()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, UsageError> {
        Ok(self.value(name)?.and_then(|value| if let Value::Flag(flag) = value { Some(flag) } else { None }))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, UsageError> {
        Ok(self
            .value(name)?
            .and_then(|value| if let Value::Number(number) = value { Some(number) } else { None }))
    }

    fn count(&self, name: &str) -> Result<Option<usize>, UsageError> {
        Ok(self.number(name)?.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
    }

    pub(super) fn mode(&self, name: &str) -> Result<Option<u32>, UsageError> {
        Ok(self.number(name)?.and_then(|number| u32::try_from(number).ok()))
    }

    fn time(&self, name: &str) -> Result<Option<Duration>, UsageError> {
        Ok(self.value(name)?.and_then(|value| if let Value::Time(time) = value { Some(time) } else { None }))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, UsageError> {
        Ok(self.value(name)?.and_then(|value| if let Value::Text(text) = value { Some(text) } else { None }))
    }

    fn choice<T: Copy>(&self, name: &str, meanings: &[(&str, T)]) -> Result<Option<T>, UsageError> {
        let word = self.text(name)?;
        Ok(meanings.iter().find(|(known, _)| word.as_deref() == Some(known)).map(|(_, meaning)| *meaning))
    }

    pub(super) fn path(&self, name: &str) -> Result<Option<PathBuf>, UsageError> {
        Ok(self.value(name)?.and_then(|value| if let Value::Path(path) = value { Some(path) } else { None }))
    }

    fn log(&self, name: &str) -> Result<Option<LogPlace>, UsageError> {
        Ok(self.value(name)?.and_then(|value| if let Value::Log(place) = value { Some(place) } else { None }))
    }

    pub(super) fn words(&self, name: &str) -> Result<Vec<String>, UsageError> {
        let lists = self.values(name)?.into_iter().map(|value| match value {
            Value::Words(words) => words,
            _ => Vec::new(),
        });
        Ok(lists.flatten().collect())
    }

    fn paths(&self, name: &str) -> Result<Vec<PathBuf>, UsageError> {
        let lists = self.values(name)?.into_iter().map(|value| match value {
            Value::Paths(paths) => paths,
            _ => Vec::new(),
        });
        Ok(lists.flatten().collect())
    }

    /// Those who may connect, of all places where they may be given; `None` when none was.
    pub(super) fn clients(&self, name: &str) -> Result<Option<Vec<Client>>, UsageError> {
        let lists = self.values(name)?.into_iter().filter_map(|value| match value {
            Value::Clients(clients) => Some(clients),
            _ => None,
        });
        Ok(lists.reduce(|all, more| [all, more].concat()))
    }

    pub(super) fn address(&self, name: &str) -> Result<Option<HttpAddress>, UsageError> {
        Ok(self.value(name)?.and_then(|value| match value {
            Value::Address { host, port } => Some(HttpAddress { host, port }),
            _ => None,
        }))
    }

    fn mounts(&self, name: &str) -> Result<Vec<StaticMount>, UsageError> {
        let mounts = self.values(name)?.into_iter().filter_map(|value| match value {
            Value::Mount { url, dir } => Some(StaticMount { url, dir }),
            _ => None,
        });
        Ok(mounts.collect())
    }
}

const METHODS: &[(&str, Method)] = &[("prefork", Method::Prefork), ("threaded", Method::Threaded)];

const POOLS: &[(&str, Pool)] =
    &[("static", Pool::Static), ("dynamic", Pool::Dynamic), ("ondemand", Pool::OnDemand)];

const ABORTS: &[(&str, OnAbort)] = &[("ignore", OnAbort::Ignore), ("interrupt", OnAbort::Interrupt)];

const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
