//! A request to be sent, and its bytes.

use crate::record::{AUTHORIZER, DATA, FILTER, PARAMS, RESPONDER, STDIN, begin, pairs, stream};

/// A request, as a web server would make it.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: u16,
    pub role: u16,
    pub keep: bool,
    pub params: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What a filter is given beside the body.
    pub data: Vec<u8>,
}

impl Request {
    /// Asks for a path; what follows a question mark is the query.
    pub fn get(path: &str) -> Self {
        let (path_info, query) = path.split_once('?').unwrap_or((path, ""));
        let params = [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", path_info),
            ("QUERY_STRING", query),
            ("REQUEST_URI", path),
            ("SERVER_NAME", "test.example"),
            ("SERVER_PORT", "80"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REMOTE_ADDR", "192.0.2.1"),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { id: 1, role: RESPONDER, keep: false, params, body: Vec::new(), data: Vec::new() }
    }

    /// Sends a body to a path, with its length.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self { body, ..Self::get(path) }.with("REQUEST_METHOD", "POST").with("CONTENT_LENGTH", &length)
    }

    /// Asks an authorizer about a path.
    pub fn authorize(path: &str) -> Self {
        Self { role: AUTHORIZER, ..Self::get(path) }
    }

    /// Sends a filter a body and a file, with their lengths.
    pub fn filter(path: &str, body: impl Into<Vec<u8>>, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        let length = data.len().to_string();
        Self { role: FILTER, data, ..Self::post(path, body) }
            .with("FCGI_DATA_LENGTH", &length)
            .with("FCGI_DATA_LAST_MOD", "846518400")
    }

    /// Sets a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self
    }

    /// Uses another request id.
    #[must_use]
    pub fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// Asks for the connection to be kept.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.keep = true;
        self
    }

    /// The bytes of the parameters, without records around them.
    pub fn pairs(&self) -> Vec<u8> {
        pairs(self.params.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// `BEGIN_REQUEST` and the parameters.
    pub fn head(&self) -> Vec<u8> {
        let mut bytes = begin(self.id, self.role, self.keep);
        bytes.extend(stream(PARAMS, self.id, &self.pairs(), 65_535));
        bytes
    }

    /// The body and its end.
    pub fn stdin(&self) -> Vec<u8> {
        stream(STDIN, self.id, &self.body, 65_535)
    }

    /// What a filter is given, and its end.
    pub fn file(&self) -> Vec<u8> {
        stream(DATA, self.id, &self.data, 65_535)
    }

    /// The whole: an authorizer is sent no body.
    pub fn bytes(&self) -> Vec<u8> {
        match self.role {
            AUTHORIZER => self.head(),
            FILTER => [self.head(), self.stdin(), self.file()].concat(),
            _ => [self.head(), self.stdin()].concat(),
        }
    }
}
