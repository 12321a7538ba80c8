//! FastCGI 1.0 for the application's side, as plainly as it can be said.
//!
//! Nothing of the crate is used here. Where the specification leaves a choice (limits, odd records, the end of the
//! input), the rule is the one that the documentation of `server::Connection` and of `Limits` gives. What each record
//! means stands in `records.rs`.

use std::collections::BTreeMap;

use super::records::wire_length;
use super::request::Request;
use super::vocabulary::{COMPLETE, Disposition, END, Fault, Record, Rules, STDERR, STDIN, STDOUT, Told};

/// One connection.
#[derive(Debug)]
pub(crate) struct Model {
    pub(super) rules: Rules,
    pub(super) begun: usize,
    /// By id.
    pub(super) active: BTreeMap<u16, Request>,
    /// The streams that requests had open when they ended, by id: what is still on its way.
    pub(super) left: BTreeMap<u16, Vec<u8>>,
    /// Bytes that are no whole record yet.
    pub(super) input: Vec<u8>,
    pub(super) broken: Option<Fault>,
    pub(super) closing: bool,
    pub(super) at_eof: bool,
    pub(super) skipped: usize,
    pub(super) unknown_type_answers: usize,
    pub(super) misplaced_type_answered: bool,
    pub(super) warnings: usize,
    pub(super) told: Vec<Told>,
    pub(super) sent: Vec<Record>,
}

impl Model {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            begun: 0,
            active: BTreeMap::new(),
            left: BTreeMap::new(),
            input: Vec::new(),
            broken: None,
            closing: false,
            at_eof: false,
            skipped: 0,
            unknown_type_answers: 0,
            misplaced_type_answered: false,
            warnings: 0,
            told: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Takes bytes of the web server.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(fault) = self.broken {
            return Err(fault);
        }
        self.input.extend_from_slice(bytes);
        let result = self.take_whole_records();
        if let Err(fault) = result {
            self.broken = Some(fault);
            self.input.clear();
            self.left.clear();
            self.active.retain(|_, request| request.told);
            for request in self.active.values_mut().filter(|request| !request.aborted) {
                request.aborted = true;
                self.told.push(Told::Aborted { number: request.number });
            }
        }
        result
    }

    /// The web server sends nothing any more.
    pub(crate) fn receive_eof(&mut self) {
        if std::mem::replace(&mut self.at_eof, true) {
            return;
        }
        self.left.clear();
        let unseen: Vec<u16> =
            self.active.iter().filter(|(_, request)| !request.told).map(|(id, _)| *id).collect();
        self.active.retain(|_, request| request.told);
        for request in self.active.values_mut().filter(|request| !request.awaited().is_empty()) {
            request.aborted = true;
            self.told.push(Told::Aborted { number: request.number });
        }
        for id in unseen {
            self.warn(Told::UnexpectedEnd { id });
        }
    }

    /// Sends a piece of STDOUT or STDERR; false if the request has ended.
    pub(crate) fn write(&mut self, number: usize, kind: u8, data: &[u8]) -> bool {
        let Some(id) = self.id_of(number) else { return false };
        if !data.is_empty() {
            if let Some(request) = self.active.get_mut(&id) {
                request.written.push(kind);
            }
            self.sent.push(Record { kind, id, content: data.to_vec() });
        }
        true
    }

    /// Ends a request with the records that say so; `None` if it has ended before.
    pub(crate) fn end(&mut self, number: usize, app_status: u32) -> Option<Disposition> {
        let id = self.id_of(number)?;
        let wrote_stderr = self.active[&id].written.contains(&STDERR);
        let disposition = self.retire(number);
        self.send(STDOUT, id, &[]);
        if wrote_stderr {
            self.send(STDERR, id, &[]);
        }
        self.send_end(id, app_status, COMPLETE);
        disposition
    }

    /// Ends a request without a word; `None` if it has ended before.
    pub(crate) fn retire(&mut self, number: usize) -> Option<Disposition> {
        let id = self.id_of(number)?;
        let request = self.active.remove(&id)?;
        self.closing |= request.closes();
        let close = self.should_close();
        if !request.awaited().is_empty() {
            self.left.insert(id, request.awaited());
        }
        Some(match (request.awaited().is_empty(), close) {
            (false, close) => Disposition::Drain { close },
            (true, true) => Disposition::Close,
            (true, false) => Disposition::Keep,
        })
    }

    /// What waits to be told; nothing of requests that have ended.
    pub(crate) fn take_told(&mut self) -> Vec<Told> {
        let told = std::mem::take(&mut self.told);
        told.into_iter().filter(|told| told.number().is_none_or(|number| self.is_active(number))).collect()
    }

    /// What waits to be sent.
    pub(crate) fn take_sent(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn has_to_send(&self) -> bool {
        !self.sent.is_empty()
    }

    pub(crate) fn should_close(&self) -> bool {
        self.broken.is_some() || (self.active.is_empty() && (self.closing || self.at_eof))
    }

    pub(crate) fn active_requests(&self) -> usize {
        self.active.len()
    }

    /// The number of bytes that are no whole record yet.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.input.len()
    }

    /// How many bytes the record at the end lacks, or its header.
    pub(crate) fn missing_bytes(&self) -> usize {
        match self.input.len() {
            0 => 0,
            some @ 1..8 => 8 - some,
            some => wire_length(&self.input) - some,
        }
    }

    /// Whether input of ended requests is still on its way.
    pub(crate) fn is_draining(&self) -> bool {
        !self.left.is_empty()
    }

    pub(crate) fn is_active(&self, number: usize) -> bool {
        self.id_of(number).is_some()
    }

    /// Whether more of the body may come.
    pub(crate) fn awaits_stdin(&self, number: usize) -> bool {
        self.active.values().any(|request| request.number == number && request.awaited().contains(&STDIN))
    }

    fn id_of(&self, number: usize) -> Option<u16> {
        self.active.iter().find(|(_, request)| request.number == number).map(|(id, _)| *id)
    }

    pub(super) fn warn(&mut self, warning: Told) {
        if self.warnings < self.rules.max_warnings {
            self.warnings += 1;
            self.told.push(warning);
        }
    }

    pub(super) fn send(&mut self, kind: u8, id: u16, content: &[u8]) {
        self.sent.push(Record { kind, id, content: content.to_vec() });
    }

    pub(super) fn send_end(&mut self, id: u16, app_status: u32, protocol_status: u8) {
        let mut content = app_status.to_be_bytes().to_vec();
        content.extend([protocol_status, 0, 0, 0]);
        self.send(END, id, &content);
    }
}
