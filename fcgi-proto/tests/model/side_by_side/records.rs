//! What each record means: one whole record after the other (FastCGI 1.0 sections 3.3 and 4 to 6).

use super::pairs;
use super::request::Request;
use super::specification::Model;
use super::vocabulary::*;

impl Model {
    pub(super) fn take_whole_records(&mut self) -> Result<(), Fault> {
        loop {
            if self.should_close() {
                self.input.clear();
            }
            match self.input.first() {
                Some(1) => {}
                Some(version) => return Err(Fault::Version(*version)),
                None => return Ok(()),
            }
            if self.input.len() < 8 || self.input.len() < wire_length(&self.input) {
                return Ok(());
            }
            let rest = self.input.split_off(wire_length(&self.input));
            let wire = std::mem::replace(&mut self.input, rest);
            let (kind, id) = (wire[1], u16::from_be_bytes([wire[2], wire[3]]));
            let content = &wire[8..8 + usize::from(u16::from_be_bytes([wire[4], wire[5]]))];
            if id == 0 {
                self.management_record(kind, content)?;
            } else if !self.request_record(kind, id, content)? {
                self.skip(wire.len())?;
            }
        }
    }

    /// Section 4: records that are about no request.
    fn management_record(&mut self, kind: u8, content: &[u8]) -> Result<(), Fault> {
        match kind {
            BEGIN => return Err(Fault::BeginWithoutId),
            GET_VALUES => return self.get_values(content),
            2..=11 => {
                self.warn(Told::Unexpected { id: 0, kind });
                if !std::mem::replace(&mut self.misplaced_type_answered, true) {
                    self.send(UNKNOWN_TYPE, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
                }
            }
            _ if self.unknown_type_answers < self.rules.max_unknown_type_answers => {
                self.unknown_type_answers += 1;
                self.send(UNKNOWN_TYPE, 0, &[kind, 0, 0, 0, 0, 0, 0, 0]);
            }
            _ => {}
        }
        Ok(())
    }

    fn get_values(&mut self, content: &[u8]) -> Result<(), Fault> {
        let limit = self.rules.max_management_bytes;
        if content.len() > limit {
            return Err(Fault::ManagementTooLarge(content.len()));
        }
        let asked = pairs::whole(content, limit, usize::MAX).map_err(|_| Fault::ManagementMalformed)?;
        let multiplexes = u32::from(self.rules.max_active_requests > 1);
        let known = [
            ("FCGI_MAX_CONNS", self.rules.max_conns),
            ("FCGI_MAX_REQS", self.rules.max_reqs),
            ("FCGI_MPXS_CONNS", multiplexes),
        ];
        let (mut content, mut answered) = (Vec::new(), Vec::new());
        for (name, _) in asked {
            let Some((_, value)) = known.iter().find(|(known, _)| known.as_bytes() == name) else { continue };
            if !answered.contains(&name) {
                let value = value.to_string();
                content.extend([u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap()]);
                content.extend_from_slice(&name);
                content.extend_from_slice(value.as_bytes());
                answered.push(name);
            }
        }
        self.send(GET_VALUES_RESULT, 0, &content);
        Ok(())
    }

    /// Sections 5 and 6: records that are about a request. False if the record is of no use to anybody.
    fn request_record(&mut self, kind: u8, id: u16, content: &[u8]) -> Result<bool, Fault> {
        match kind {
            BEGIN => return self.begin(id, content).map(|()| true),
            ABORT => return Ok(self.abort(id)),
            PARAMS | STDIN | DATA => {}
            3..=11 => {
                self.warn(Told::Unexpected { id, kind });
                return Ok(false);
            }
            _ => return Ok(false),
        }
        let Some(request) = self.active.get_mut(&id) else {
            if content.is_empty()
                && let Some(streams) = self.left.get_mut(&id)
            {
                streams.retain(|stream| *stream != kind);
            }
            self.left.retain(|_, streams| !streams.is_empty());
            return Ok(false);
        };
        if !request.awaited().contains(&kind) {
            if request.is_wanted() {
                let role = request.role;
                self.odd_stream(kind, id, role, content.is_empty());
            }
            return Ok(false);
        }
        if content.is_empty() {
            request.ended.push(kind);
        }
        if kind == PARAMS {
            return Ok(self.params(id, content));
        }
        if !request.is_wanted() {
            return Ok(false);
        }
        let (number, data) = (request.number, content.to_vec());
        if request.told {
            self.told.push(match (kind, content.is_empty()) {
                (STDIN, false) => Told::Stdin { number, data },
                (STDIN, true) => Told::StdinEnd { number },
                (_, false) => Told::Data { number, data },
                (_, true) => Told::DataEnd { number },
            });
        } else {
            let early = if kind == STDIN { &mut request.early_stdin } else { &mut request.early_data };
            early.extend(data);
            if request.early_stdin.len() + request.early_data.len() > self.rules.max_early_bytes {
                return Err(Fault::TooMuchEarly { id });
            }
        }
        Ok(true)
    }

    fn begin(&mut self, id: u16, content: &[u8]) -> Result<(), Fault> {
        let [role1, role0, flags, ..] = *content else { return Err(Fault::BeginLength(content.len())) };
        if content.len() != 8 {
            return Err(Fault::BeginLength(content.len()));
        }
        if self.active.contains_key(&id) {
            return Err(Fault::BeginTwice { id });
        }
        self.left.remove(&id);
        let (role, keep) = (u16::from_be_bytes([role1, role0]), flags % 2 == 1);
        let limit = self.rules.max_active_requests.max(1);
        let turned_away = if !self.rules.roles.contains(&role) {
            Some(UNKNOWN_ROLE)
        } else if self.active.len() >= limit && limit == 1 {
            Some(CANT_MPX_CONN)
        } else if self.active.len() >= 2 * limit {
            Some(OVERLOADED)
        } else {
            None
        };
        if let Some(status) = turned_away {
            self.closing |= !keep;
            let answer = self.rules.overload_answer;
            if status == OVERLOADED && !answer.is_empty() {
                self.send(STDOUT, id, answer);
                self.send(STDOUT, id, &[]);
                self.send_end(id, 0, COMPLETE);
            } else {
                self.send_end(id, 0, status);
            }
            return Ok(());
        }
        let refused = (self.active.len() >= limit).then_some(Reason::TooManyRequests);
        if refused.is_none() {
            self.skipped = 0;
        }
        let request = Request {
            number: self.begun,
            role,
            keep,
            told: false,
            refused,
            aborted: false,
            written: Vec::new(),
            params: Vec::new(),
            early_stdin: Vec::new(),
            early_data: Vec::new(),
            ended: Vec::new(),
        };
        self.begun += 1;
        self.active.insert(id, request);
        Ok(())
    }

    fn abort(&mut self, id: u16) -> bool {
        let Some(request) = self.active.get_mut(&id) else {
            self.left.remove(&id);
            return false;
        };
        if request.told {
            if !std::mem::replace(&mut request.aborted, true) {
                self.told.push(Told::Aborted { number: request.number });
            }
        } else {
            // Nobody has seen it: it is answered here.
            self.closing |= request.closes();
            self.active.remove(&id);
            self.send(STDOUT, id, &[]);
            self.send_end(id, 0, COMPLETE);
        }
        true
    }

    /// A record of a PARAMS stream that was open.
    fn params(&mut self, id: u16, content: &[u8]) -> bool {
        let (max_bytes, max_pairs) = (self.rules.max_params_bytes, self.rules.max_params_pairs);
        let Some(request) = self.active.get_mut(&id) else { return false };
        if content.is_empty() {
            if !request.told {
                if request.refused.is_none()
                    && let Err(fault) = pairs::whole(&request.params, max_bytes, max_pairs)
                {
                    request.refused = Some(Reason::Params(fault));
                }
                self.announce(id);
            }
            return true;
        }
        if !request.is_wanted() {
            return false;
        }
        request.params.extend_from_slice(content);
        if let Err(fault) = pairs::so_far(&request.params, max_bytes, max_pairs) {
            request.refused = Some(Reason::Params(fault));
            if fault == pairs::Fault::LengthTooLarge {
                self.announce(id);
            }
        }
        true
    }

    /// Tells the application of a request, and of what has come for it already.
    fn announce(&mut self, id: u16) {
        let Some(request) = self.active.get_mut(&id) else { return };
        request.told = true;
        let (number, role, keep) = (request.number, request.role, request.keep);
        if let Some(reason) = request.refused {
            self.told.push(Told::Rejected { number, id, role, keep, reason });
            return;
        }
        let pairs = pairs::whole(&request.params, usize::MAX, usize::MAX).unwrap();
        self.told.push(Told::Request { number, id, role, keep, pairs });
        if !request.early_stdin.is_empty() {
            self.told.push(Told::Stdin { number, data: request.early_stdin.clone() });
        }
        if !request.awaited().contains(&STDIN) {
            self.told.push(Told::StdinEnd { number });
        }
        if !request.early_data.is_empty() {
            self.told.push(Told::Data { number, data: request.early_data.clone() });
        }
        if role == FILTER && !request.awaited().contains(&DATA) {
            self.told.push(Told::DataEnd { number });
        }
    }

    /// A record of a stream that has ended, or that the role does not have.
    fn odd_stream(&mut self, kind: u8, id: u16, role: u16, is_empty: bool) {
        match (kind, role) {
            (STDIN, AUTHORIZER) if is_empty => {}
            (STDIN, AUTHORIZER) => self.warn(Told::Unexpected { id, kind }),
            (DATA, role) if role != FILTER => self.warn(Told::Unexpected { id, kind }),
            _ => self.warn(Told::GoesOn { id, stream: kind }),
        }
    }

    /// Counts what is of no use, as long as nobody is served.
    fn skip(&mut self, wire_length: usize) -> Result<(), Fault> {
        if self.active.values().any(Request::is_wanted) {
            return Ok(());
        }
        self.skipped += wire_length;
        if self.skipped > self.rules.max_skipped_bytes { Err(Fault::TooMuchSkipped) } else { Ok(()) }
    }
}

/// The length of the record that begins with these eight bytes or more.
pub(super) fn wire_length(record: &[u8]) -> usize {
    8 + usize::from(record[4]) * 256 + usize::from(record[5]) + usize::from(record[6])
}
