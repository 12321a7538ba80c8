//! A snapshot as a page for browsers: complete in itself, for wide and narrow screens, light and dark.
//!
//! Without a script it loads itself anew every few seconds; with it, its parts are exchanged for fresh ones, so that nothing
//! jumps. The policy that goes with it lets run nothing but that one script, and load nothing from anywhere else.

mod charts;
mod parts;

use super::snapshot::Snapshot;
use super::words;
use crate::cgi::page::escaped;

/// The page.
pub(super) fn to_html(snapshot: &Snapshot) -> String {
    let server = &snapshot.server;
    let app = escaped(&server.app);
    let facts = format!(
        "{} &middot; pid {} &middot; up {} &middot; fcgi-run {}",
        server.method,
        server.pid,
        words::age(server.uptime),
        server.version
    );
    let body = [
        section("tiles", "tiles", &parts::tiles(snapshot)),
        section("charts", "charts", &charts::all(snapshot)),
        section("workers", "card", &parts::workers(snapshot)),
        section("past", "two-columns", &parts::past(snapshot)),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{app}: status</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{app}</h1>\
         <span class=\"facts\" id=\"facts\" data-live>{facts}</span><span id=\"live\">live</span></header>\n\
         <main>\n{body}</main>\n<footer>Started {}. The same as <a href=\"?text\">text</a>, \
         <a href=\"?json\">JSON</a>, <a href=\"?openmetrics\">OpenMetrics</a>.</footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        words::moment(server.started)
    )
}

fn section(id: &str, class: &str, content: &str) -> String {
    format!("<section id=\"{id}\" class=\"{class}\" data-live>{content}</section>\n")
}

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page may do; the two sums are those of its style and its script, and a test compares them.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'sha256-P17I7ODeYl51ybhlC7xTGbghI+nun/DpuHvhJNsTRkA='; \
                                 style-src 'sha256-SkKhRH6b1qEsdmsiv0jGvq2WkL8g3eKvf8DKkYsaDGE='; \
                                 img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                                 frame-ancestors 'none'";
