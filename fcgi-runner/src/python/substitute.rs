//! What answers in place of an application that cannot be imported.

use std::sync::Arc;

use pyo3::prelude::*;

use super::blocker::PyBlocker;
use crate::app::{Answer, Application, LoadError, Request};
use crate::cgi::page;
use crate::messages::Code;

/// Answers every request with status 500.
pub(super) struct Substitute {
    page: Vec<u8>,
}

impl Substitute {
    /// `shown`: why it cannot be imported, for people who may see that; a page that looks again by itself until it is mended.
    pub(super) fn new(shown: Option<&LoadError>) -> Self {
        let text = "The application cannot be imported. The error log says why.";
        let page = match shown {
            Some(error) => page::broken_page(&error.message, error.hint.as_deref(), error.code),
            None => page::error_page(500, "", text, Some(Code::NOT_IMPORTED)),
        };
        Self { page }
    }
}

impl Application for Substitute {
    fn serve(&self, request: &Arc<Request>) {
        Python::attach(|py| Answer::new(request.clone()).fail(500, &self.page, &PyBlocker::new(py)));
    }
}
